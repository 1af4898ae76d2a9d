"""Start a job in a process that has already imported torch.

Importing torch and transformers costs seconds, the work of a small run hardly more. The first job of a
machine therefore leaves a server behind that has imported the libraries (never this package: an edit is
seen by the next job) and forks itself for each job that asks. The job runs in the fork as it would have
run by itself: same script, environment, folder, terminal. The server goes when nobody asked for a while.

A job runs by itself where there is no server to be had, on a cluster (SLURM_JOB_ID is set: a job must stay
inside its own allocation) and where JUNKDNA_WARM=0.
"""

import contextlib
import fcntl
import gc
import hashlib
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

PRELOADED = (
    "torch",
    "safetensors.torch",
    "pandas",
    "pyarrow.parquet",
    "tokenizers",
    "transformers.modeling_utils",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.bert.modeling_bert",
    "transformers.models.roberta.modeling_roberta",
    "snakemake.script",
)
# Libraries read variables that start like these while they are imported.
READ_AT_IMPORT = (
    "HF_",
    "HUGGING",
    "TRANSFORMERS_",
    "TORCH",
    "PYTORCH_",
    "CUDA_",
    "NVIDIA_",
    "OMP_",
    "MKL_",
    "LD_",
)
IDLE_SECONDS = 20
# How long a job waits for the server's first word; the server imports its libraries before that.
PATIENCE_SECONDS = 120
INSIDE = "JUNKDNA_INSIDE_WARM_PROCESS"


def enter() -> None:
    """Continue this script in a warm process if one is to be had, else return and run it here.

    Call it before the heavy imports. In the process that asked it does not return: it exits with the
    status of the fork.
    """
    if os.environ.pop(INSIDE, None) or os.environ.get("JUNKDNA_WARM") == "0" or "SLURM_JOB_ID" in os.environ:
        return
    try:
        status = _delegate(_socket_path())
    except OSError as error:  # no place for its files, or one that others hold
        print(f"no warm process ({error}): the job runs by itself", file=sys.stderr)
        return
    if status is not None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _socket_path() -> Path:
    """The address of this user's server for this very interpreter, its packages and what they read on import."""
    folder = Path(tempfile.gettempdir()) / f"junkdna-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user")
    packages = Path(json.__file__).parent, *(Path(p) for p in sys.path if p.endswith("site-packages"))
    stamps = [path.stat().st_mtime_ns for path in packages if path.is_dir()]
    settings = sorted(item for item in os.environ.items() if item[0].startswith(READ_AT_IMPORT))
    identity = [sys.executable, __file__, Path(__file__).stat().st_mtime_ns, stamps, settings]
    return folder / hashlib.sha256(repr(identity).encode()).hexdigest()[:16]


def _delegate(address: Path) -> int | None:
    """Have the server run this process's script; the exit status, or None if it could not be started there."""
    try:
        connection = _connect(address)
    except OSError:
        return None
    request = {"argv": sys.argv, "cwd": str(Path.cwd()), "environ": dict(os.environ), "path": sys.path}
    with connection:
        try:
            message = json.dumps(request).encode()
            # A server that was stopped, or hangs, must not hold the job for ever; one that starts needs its time.
            connection.settimeout(PATIENCE_SECONDS)
            socket.send_fds(connection, [len(message).to_bytes(8, "big")], [0, 1, 2])
            connection.sendall(message)
            if connection.recv(1) != b"+":
                return None
            connection.settimeout(None)
            status = connection.recv(1)
        except OSError:
            return None
    if not status:
        print("the process that ran this job died (killed, or out of memory)", file=sys.stderr)
        return 1
    return status[0]


def _connect(address: Path) -> socket.socket:
    """Connect to the server, starting it if it does not answer."""
    connection = socket.socket(socket.AF_UNIX)
    with contextlib.suppress(OSError):
        connection.connect(str(address))
        return connection
    with address.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(OSError):
            connection.connect(str(address))
            return connection
        _start_server(address)
        connection.connect(str(address))
    return connection


def _start_server(address: Path) -> None:
    """Listen at `address` and hand the listening socket to a new background process."""
    address.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        listener.listen(1024)
        # One BLAS thread: a library must not start threads before the fork.
        environ = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
        subprocess.Popen(
            # By its path, not as a module of the package: the package of the server's own path would be in the
            # forks, and would win over that of the job.
            [sys.executable, "-P", str(Path(__file__).resolve()), str(address), str(listener.fileno())],
            pass_fds=[listener.fileno()],
            env=environ,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def serve(address: Path, listener: socket.socket) -> None:
    """Fork a process for each request until nobody has asked for `IDLE_SECONDS`."""
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()
    listener.settimeout(1)
    children: set[int] = set()
    last = time.monotonic()
    while children or time.monotonic() - last < IDLE_SECONDS:
        with contextlib.suppress(TimeoutError):
            connection, _ = listener.accept()
            child = os.fork()
            if child == 0:
                listener.close()
                _run(connection)
            connection.close()
            children.add(child)
        if finished := {child for child in children if os.waitpid(child, os.WNOHANG)[0]}:
            children -= finished
            last = time.monotonic()
    address.unlink(missing_ok=True)


def _run(connection: socket.socket) -> None:
    """Run the requested script in this fork, report its exit status, exit."""
    status = 1
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        connection.settimeout(None)
        header, streams, _, _ = socket.recv_fds(connection, 8, 3)
        request = json.loads(_receive(connection, int.from_bytes(header, "big")))
        connection.sendall(b"+")
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        _follow(connection)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["environ"], **{INSIDE: "1"})
        sys.argv, sys.path[:] = request["argv"], request["path"]
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
            status = 0
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        sys.stdout.flush()
        sys.stderr.flush()
        connection.sendall(bytes([status & 0xFF]))
    finally:
        os._exit(status)


def _receive(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        block = connection.recv(size - len(data))
        if not block:
            raise ConnectionError("the request ended early")
        data += block
    return bytes(data)


def _follow(connection: socket.socket) -> None:
    """Die with the process that asked: its end closes the connection. First as by Ctrl-C, then hard."""

    def watch() -> None:
        with contextlib.suppress(OSError):
            connection.recv(1)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2])))

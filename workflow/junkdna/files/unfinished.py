"""Names for what is still being written, one a process, and the removal of what killed processes left behind."""

import glob
import os
import re
import shutil
import socket
import zlib
from pathlib import Path

HOST = f"{zlib.crc32(socket.gethostname().encode()):08x}"


def unfinished_name(path: Path) -> Path:
    """A hidden sibling of `path` for this process; what dead processes of this machine left of it is removed.

    Two processes that write the same file never share a name, and the last to finish wins. The suffix stays, by which
    some libraries choose a format.
    """
    for left in path.parent.glob(f".tmp-{HOST}-*-{glob.escape(path.name)}"):
        found = re.match(rf"\.tmp-{HOST}-(\d+)-", left.name)
        if found and not _lives(int(found[1])):
            shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)
    return path.with_name(f".tmp-{HOST}-{os.getpid()}-{path.name}")


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True

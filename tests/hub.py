"""A small Hugging Face hub on loopback, for tests: what the real clients ask, and failures on demand.

    with Hub(models={"org/name": folder}) as hub:
        hub.fail_every = 3                      # every third request is answered by 503
        ... HF_ENDPOINT=hub.url ...

A repository is a folder (its branch `main`) or a dict of folders, branch -> folder. The commit of a branch
is a hash of its files. Large files are answered by a redirect, as the hub's are to its storage.
"""

import functools
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

LARGE = (".safetensors", ".bin", ".parquet")
TOKEN = "hf_test_token"


class Hub:
    """The server, its repositories, its failures and the list of what it was asked."""

    def __init__(self, models=None, datasets=None):
        self.repositories = {("models", name): place for name, place in (models or {}).items()}
        self.repositories |= {("datasets", name): place for name, place in (datasets or {}).items()}
        self.gated = set()  # repositories that only TOKEN opens
        self.fail_every = 0  # n: every n-th request is answered by 503
        self.fail_downloads = 0  # so many downloads (GET of a file) from now on are answered by 503
        self.cut_downloads = 0  # so many downloads from now on end in the middle
        self.flip_downloads = 0  # in so many downloads of large files from now on one bit is another
        self.requests = []
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Answer, self))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def downloads(self, name):
        """How often the content of a file was asked for."""
        return sum(line.startswith("GET") and line.endswith(f"/{name}") for line in self.requests)

    def branches(self, kind, repo):
        place = self.repositories[kind, repo]
        return place if isinstance(place, dict) else {"main": place}

    def commit(self, kind, repo, branch="main"):
        """The commit hash that a branch stands for."""
        files = _files(self.branches(kind, repo)[branch])
        return hashlib.sha1(
            repr([(name, _sha256(path)) for name, path in files.items()]).encode()
        ).hexdigest()


def point_clients_at(monkeypatch, url, home, *, offline=False):
    """Make the clients of this process use a hub and a cache; of themselves they look when imported."""
    import datasets.config
    from huggingface_hub import constants

    template = "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + template)
    monkeypatch.setattr(constants, "HF_HOME", str(home))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", url)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", home / "datasets")
    monkeypatch.setattr(datasets.config, "DOWNLOADED_DATASETS_PATH", home / "datasets" / "downloads")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", offline)
    monkeypatch.delenv("HF_TOKEN", raising=False)


def _files(folder):
    return {p.relative_to(folder).as_posix(): p for p in sorted(Path(folder).rglob("*")) if p.is_file()}


def _sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _blob(path):
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _entry(name, path):
    """A file as the listings of the hub describe it."""
    entry = {"type": "file", "path": name, "size": path.stat().st_size, "oid": _blob(path)}
    if name.endswith(LARGE):
        entry["lfs"] = {"oid": _sha256(path), "size": entry["size"], "pointerSize": 134}
    return entry


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, hub, *arguments):
        self.hub = hub
        super().__init__(*arguments)

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.posted = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.answer()

    def answer(self):
        url = urlsplit(self.path)
        with self.hub.lock:
            self.hub.requests.append(f"{self.command} {unquote(url.path)}")
            number = len(self.hub.requests)
        if self.hub.fail_every and number % self.hub.fail_every == 0:
            return self.send(503, {"error": "too busy"})
        if self.headers.get("Authorization") == "Bearer hf_expired":
            return self.refuse(401, "", "Invalid credentials in Authorization header")
        parts = url.path.strip("/").split("/")
        if parts[0] == "storage":
            return self.send_file(*map(unquote, parts[1:3]), "/".join(map(unquote, parts[3:])))
        api = parts[0] == "api"
        kind = parts.pop(1 if api else 0) if parts[1 if api else 0] in ("models", "datasets") else "models"
        parts = [unquote(part) for part in parts[1 if api else 0 :]]
        repo, rest = "/".join(parts[:2]), parts[2:]
        if (kind, repo) not in self.hub.repositories:
            return self.refuse(404 if self.allowed() else 401, "RepoNotFound", "Repository not found")
        if api and rest[:1] == ["refs"]:
            heads = [
                {"name": name, "ref": f"refs/heads/{name}", "targetCommit": "0" * 40}
                for name in self.hub.branches(kind, repo)
            ]
            return self.send(200, {"branches": heads, "tags": [], "converts": []})
        return self.about(api, kind, repo, rest, "recursive=true" in url.query.lower())

    def allowed(self):
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def about(self, api, kind, repo, rest, recursive):
        """Answer about one revision of a repository: its description, its listing or a file."""
        revision = rest[1] if len(rest) > 1 else "main"
        branches = self.hub.branches(kind, repo)
        found = [b for b in branches if revision in (b, self.hub.commit(kind, repo, b))]
        if not found:
            return self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        commit, files = self.hub.commit(kind, repo, found[0]), _files(branches[found[0]])
        name = "/".join(rest[2:])
        if not api:
            return self.resolve(kind, repo, found[0], commit, files, name)
        if rest[:1] == ["tree"]:
            inside = {n: p for n, p in files.items() if not name or n.startswith(f"{name}/")}
            if name and not inside:
                return self.refuse(404, "EntryNotFound", f"{name} does not exist")
            depth = name.count("/") + 1 if name else 0
            folders = {"/".join(n.split("/")[: depth + 1]) for n in inside if n.count("/") > depth}
            rows = [_entry(n, p) for n, p in inside.items() if recursive or n.count("/") == depth]
            return self.send(
                200,
                [{"type": "directory", "path": f, "size": 0, "oid": "0" * 40} for f in sorted(folders)]
                + rows,
            )
        if rest[:1] == ["paths-info"]:
            wanted = parse_qs(self.posted).get("paths", [])
            rows = [_entry(n, p) for n, p in files.items() if n in wanted]
            rows += [
                {"type": "directory", "path": w, "size": 0, "oid": "0" * 40}
                for w in wanted
                if any(n.startswith(f"{w}/") for n in files)
            ]
            return self.send(200, rows)
        described = {
            "id": repo,
            "sha": commit,
            "private": False,
            "gated": False,
            "tags": [],
            "siblings": [{"rfilename": n} for n in files],
        }
        return self.send(200, described)

    def resolve(self, kind, repo, branch, commit, files, name):
        if repo in self.hub.gated and not self.allowed():
            return self.refuse(
                403 if "Authorization" in self.headers else 401, "GatedRepo", f"{repo} is restricted"
            )
        if name not in files:
            return self.refuse(404, "EntryNotFound", f"{name} does not exist", {"X-Repo-Commit": commit})
        if not name.endswith(LARGE):
            return self.send_file(kind, branch, f"{repo}/{name}", {"X-Repo-Commit": commit})
        size = str(files[name].stat().st_size)
        storage = self.hub.url.replace("127.0.0.1", "localhost") + "/storage"  # another host, so no token
        headers = {
            "X-Repo-Commit": commit,
            "X-Linked-Etag": f'"{_sha256(files[name])}"',
            "X-Linked-Size": size,
        }
        return self.send(302, {}, headers | {"Location": f"{storage}/{kind}/{branch}/{repo}/{name}"})

    def send_file(self, kind, branch, name, headers=None):
        """Send a file, whole or from where a client resumes; or break off in the middle."""
        organisation, repo, inside = name.split("/", 2)
        path = Path(self.hub.branches(kind, f"{organisation}/{repo}")[branch]) / inside
        content, status, headers = path.read_bytes(), 200, {"ETag": f'"{_blob(path)}"'} | (headers or {})
        cut = False
        if self.command == "GET":
            with self.hub.lock:
                failing, cut = self.hub.fail_downloads > 0, self.hub.cut_downloads > 0
                self.hub.fail_downloads -= failing
                self.hub.cut_downloads -= cut and not failing
                flip = self.hub.flip_downloads > 0 and not failing and name.endswith(LARGE)
                self.hub.flip_downloads -= flip
            if failing:
                return self.send(503, {"error": "too busy"})
            if flip:
                middle = len(content) // 2
                content = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
            if start := int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0]):
                status = 206
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
                content = content[start:]
        return self.send(status, content, headers, cut=cut)

    def refuse(self, status, code, message, headers=None):
        self.send(
            status, {"error": message}, {"X-Error-Code": code, "X-Error-Message": message} | (headers or {})
        )

    def send(self, status, content, headers=None, *, cut=False):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut

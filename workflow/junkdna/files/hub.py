"""The Hugging Face hub when it misbehaves: what is tried again, and what the user is told."""

import difflib
import errno
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TRIES = 5
FIRST_WAIT = 0.5  # seconds; doubles after every failure
TRANSIENT_STATUS = (408, 429, 500, 502, 503, 504)


class StaleCacheError(RuntimeError):
    """`datasets` took another commit out of its cache, as it does when the hub is out of reach."""

    def __init__(self, cached: str, wanted: str, cache: str) -> None:
        super().__init__(f"the cache {cache} holds commit {cached}, not {wanted}")


def nearest(name: str, legal: list[str]) -> str:
    """Say which of the legal names is closest to `name`, as the end of an error message ("" if none is)."""
    close = difflib.get_close_matches(str(name), legal, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def fetch_patiently(download: Callable[[], Any], *, key: str, repo: str, revision: str, kind: str) -> Any:
    """Call `download` until the hub is well again; turn what cannot be helped into one clear error.

    huggingface_hub itself resumes broken connections, asks again for metadata (HEAD) and honours rate limits.
    It gives up at the first 5xx of a download (GET) or of a repository's description, at a reset connection
    and at a body of the wrong length: these are what is tried again here, up to `TRIES` times in a row
    without a further file in the cache.

    key: the catalog key to name, without the last part (`checkpoints.x.source`). kind: `model` or `dataset`.
    Raises ValueError (the entry is wrong) or RuntimeError (the hub or the connection is). Errors of this
    machine, such as a full disk, pass unchanged.
    """
    attempt, wait, had = 1, FIRST_WAIT, _cached_files(repo, kind)
    while True:
        try:
            return download()
        except Exception as error:
            if (have := _cached_files(repo, kind)) > had:
                attempt, wait, had = 1, FIRST_WAIT, have
            if attempt >= TRIES or not is_transient(error):
                clear = explain(error, key=key, repo=repo, revision=revision, kind=kind)
                if clear is None:
                    raise
                # The chain behind it holds nothing for the user, but full URLs that might carry a password.
                raise clear from None
            trouble = _status(error) or type(error).__name__
            print(f"{repo}: {trouble}, again in {wait:g} s ({attempt} of {TRIES})", flush=True)
        time.sleep(wait)
        attempt, wait = attempt + 1, wait * 2


def resolve_commit(*, key: str, repo: str, revision: str, kind: str) -> str:
    """Find the commit that a branch or tag stands for; of the cache where the hub is out of reach.

    Arguments and errors as of `fetch_patiently`. A full commit hash is returned without asking.
    """
    from huggingface_hub import HfApi

    at = {"key": key, "repo": repo, "revision": revision, "kind": kind}
    found = fetch_patiently(lambda: HfApi().resolve_revision(repo, repo_type=kind, revision=revision), **at)
    return found.resolved


def _cached_files(repo: str, kind: str) -> int:
    """How many files of a repository the hub's cache holds."""
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE) / f"{kind}s--{repo.replace('/', '--')}" / "snapshots"
    return sum(path.is_file() for path in folder.rglob("*"))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that led to it, each once: the clients wrap the cause, sometimes several times."""
    pending, seen = [error], set()
    while pending:
        current = pending.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        pending += [cause for cause in (current.__cause__, current.__context__) if cause is not None]


def _status(error: BaseException) -> int:
    """HTTP status of the first answer in the chain that has one, else 0."""
    for link in _chain(error):
        response = getattr(link, "response", None)
        if response is not None:
            return response.status_code
    return 0


def is_transient(error: BaseException) -> bool:
    """Whether the same request may well succeed in a moment."""
    from huggingface_hub import constants
    from huggingface_hub.utils import httpx

    broken = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError, httpx.TimeoutException)
    if is_disk_full(error):
        return False
    if isinstance(error, StaleCacheError):
        return not constants.is_offline_mode()
    return (
        _status(error) in TRANSIENT_STATUS
        or any(isinstance(link, broken) for link in _chain(error))
        or any("Consistency check failed" in str(link) for link in _chain(error))
    )


def is_disk_full(error: BaseException) -> bool:
    """Whether this machine, not the hub, is at fault: its disk is full."""
    return any(isinstance(link, OSError) and link.errno == errno.ENOSPC for link in _chain(error))


def endpoint() -> str:
    """The hub in use, without any password that its address may carry."""
    from huggingface_hub import constants

    url = urlsplit(constants.ENDPOINT)
    return url._replace(netloc=url.netloc.rpartition("@")[2]).geturl()


def explain(error: Exception, *, key: str, repo: str, revision: str, kind: str) -> Exception | None:
    """Translate a client's error into what was found and what to do, or None where it is not the hub's."""
    from huggingface_hub import constants, errors
    from huggingface_hub.utils import get_token, httpx

    if is_disk_full(error):
        return None

    def met(*types: type[BaseException]) -> bool:
        return any(isinstance(link, types) for link in _chain(error))

    status, hub, cache = _status(error), endpoint(), constants.HF_HUB_CACHE
    page = f"{hub}/{'datasets/' if kind == 'dataset' else ''}{repo}"
    token = "the token in use (HF_TOKEN)" if get_token() else "no token (HF_TOKEN is not set)"
    here = f"{key}.hub: {repo!r} (revision {revision!r})"
    if isinstance(error, StaleCacheError):
        return RuntimeError(f"{here}: {hub} is out of reach or HF_HUB_OFFLINE is set, and {error}.")
    if met(errors.OfflineModeIsEnabled):
        return RuntimeError(
            f"{here} is not, or not wholly, in the cache {cache}, and HF_HUB_OFFLINE forbids to download it. "
            "Fetch it once with HF_HUB_OFFLINE=0, or set HF_HOME to a cache that has it."
        )
    if met(errors.HFValidationError):
        return ValueError(f"{key}.hub: {repo!r} is no repository id; that is `organisation/name`, or `name`.")
    if met(errors.GatedRepoError):
        return ValueError(
            f"{here} is gated and {token} does not open it. Accept its terms at {page}, then set HF_TOKEN to "
            "a token of that account."
        )
    if met(errors.RevisionNotFoundError):
        known = _revisions(repo, kind)
        listed = f" It has {', '.join(known[:10])}{' ...' if len(known) > 10 else ''}." if known else ""
        return ValueError(
            f"{key}.revision: {repo!r} has no revision {revision!r}{nearest(revision, known)}. "
            f"Legal are a branch, a tag or a full commit hash of {page}/commits.{listed}"
        )
    if met(errors.RepositoryNotFoundError):
        return ValueError(
            f"{key}.hub: {hub} has no {kind} {repo!r}, or it is private or gated and {token} does not open "
            "it. Check the spelling, or set HF_TOKEN to a token that may read it."
        )
    if status in (401, 403):
        return ValueError(
            f"{here}: {hub} refused access ({status}) with {token}. Set HF_TOKEN to a valid one."
        )
    if status in TRANSIENT_STATUS:
        return RuntimeError(
            f"{here}: {hub} still answered {status} after {TRIES} tries, and the cache {cache} does not hold "
            "it. Run it again later."
        )
    if met(errors.FileMetadataError):
        return RuntimeError(f"{here}: {hub} does not answer as a Hugging Face hub does. Check HF_ENDPOINT.")
    if met(httpx.TransportError) or "Consistency check failed" in str(error):
        return RuntimeError(
            f"{here}: no working connection to {hub} ({type(error).__name__}), and the cache {cache} does "
            "not hold it. Check the network, HF_ENDPOINT and the proxy settings."
        )
    return None


def _revisions(repo: str, kind: str) -> list[str]:
    """Branches and tags of a repository, empty when the hub does not tell."""
    from huggingface_hub import HfApi, errors
    from huggingface_hub.utils import httpx

    try:
        refs = HfApi().list_repo_refs(repo, repo_type=kind)
    except (errors.HfHubHTTPError, httpx.HTTPError):
        return []
    return [ref.name for ref in [*refs.branches, *refs.tags]]

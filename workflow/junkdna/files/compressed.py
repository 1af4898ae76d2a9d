"""Read what a recipe has made of a checkpoint, whichever files that are."""

from pathlib import Path

from junkdna.compression.compressed import Compressed, Given
from junkdna.files.artifacts import read_json
from junkdna.files.masks import open_mask
from junkdna.files.quantized import open_quantized


def read_compressed(mask: str | Path = "", quantized: str | Path = "", given: str | Path = "") -> Compressed:
    """Open the files of a run, each of which may be missing ("", or an empty list); they are read as they are used.

    given: the manifest of a model that someone else compressed, with what was `measured` of it.
    """
    kept, moved = open_mask(mask) if mask else (None, None)
    return Compressed(
        mask=kept,
        moved=moved or None,
        quantized=open_quantized(quantized) if quantized else None,
        given=Given(**read_json(given)["measured"]) if given else None,
    )

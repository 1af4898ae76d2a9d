"""Read what a recipe has made of a checkpoint, whichever files that are."""

from pathlib import Path

from junkdna.compression.compressed import Compressed, Given
from junkdna.files.artifacts import read_json
from junkdna.files.masks import read_mask_and_moved
from junkdna.files.quantized import read_quantized


def read_compressed(mask: str | Path = "", quantized: str | Path = "", given: str | Path = "") -> Compressed:
    """Read the files that a run is given; each may be missing ("", or an empty list).

    given: the manifest of a model that someone else compressed, with what was `measured` of it.
    """
    kept, moved = read_mask_and_moved(mask) if mask else (None, None)
    return Compressed(
        mask=kept,
        moved=moved or None,
        quantized=read_quantized(quantized) if quantized else None,
        given=Given(**read_json(given)["measured"]) if given else None,
    )

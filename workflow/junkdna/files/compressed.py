"""Read what a recipe has made of a checkpoint, whichever files that are."""

from pathlib import Path

from junkdna.compression.compressed import Compressed
from junkdna.files.masks import open_mask
from junkdna.files.quantized import open_quantized


def read_compressed(mask: str | Path = "", quantized: str | Path = "") -> Compressed:
    """Open the files of a run, each of which may be missing ("", or an empty list); they are read as they are used."""
    kept, moved = open_mask(mask) if mask else (None, None)
    return Compressed(
        mask=kept, moved=moved or None, quantized=open_quantized(quantized) if quantized else None
    )

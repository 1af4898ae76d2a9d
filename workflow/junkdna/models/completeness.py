"""Whether the tensors of a checkpoint are those of the model that its config.json describes, no fewer and no more."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import safe_open

from junkdna.checkpoints.tensor_names import left_from_body, missing_experts
from junkdna.models.matrices import body_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def check_body(checkpoint_dir: Path, model: "PreTrainedModel", info: Mapping[str, Any]) -> None:
    """Refuse weights that leave the body partly untrained, or that would add to it.

    info: what transformers says of the load: missing, unexpected and mismatched keys. Only a pooler may be missing in
    the body; what may be left over is said in `junkdna.checkpoints.tensor_names`. Raises ValueError with the tensors.
    """
    name, body = body_of(model)
    prefix = f"{name}."
    wrong = [
        f"{key} is {list(stored)} in the file, {list(expected)} by config.json"
        for key, stored, expected in sorted(info["mismatched_keys"])
        if key.startswith(prefix)
    ]
    wrong += [
        f"{key} is missing"
        for key in sorted(info["missing_keys"])
        if key.startswith(prefix) and "pooler" not in key
    ]
    parts = [child for child, _ in body.named_children()]
    left = left_from_body(info["unexpected_keys"], prefix=name, children=parts)
    if left:
        wrong.insert(0, f"the model has no place for {len(left)} tensors of the body, such as {left[0]}")
    if wrong:
        shown = "; ".join(wrong[:3]) + (f"; and {len(wrong) - 3} more" if len(wrong) > 3 else "")
        raise ValueError(
            f"checkpoint {checkpoint_dir}: its weights do not fit {type(model).__name__} as config.json "
            f"describes it ({shown})"
        )


@contextmanager
def clear_conversion(checkpoint_dir: Path, files: list[Path]) -> Iterator[None]:
    """Turn the error of transformers over tensors that it cannot join (experts, as a rule) into one that names them."""
    try:
        yield
    except RuntimeError as error:
        if "CONVERSION" not in str(error):
            raise
        names: list[str] = []
        for file in files:
            with safe_open(file, "pt") as tensors:
                names += tensors.keys()
        lost = missing_experts(names)
        told = f"{', '.join(lost[:3])} is missing" if lost else "their shapes or numbers differ"
        raise ValueError(
            f"checkpoint {checkpoint_dir}: its tensors cannot be put together as the model has them, experts as a rule "
            f"({told}{f'; and {len(lost) - 3} more' if len(lost) > 3 else ''})"
        ) from None

"""The files of one run, those included that only some runs leave."""

from collections.abc import Mapping
from typing import Any

from junkdna.artifacts import write_table, write_tensors
from junkdna.results import write_run
from junkdna.training.outcome import Outcome
from junkdna.training.weights import solution_of


def write_outcome(
    made: Mapping[str, str],
    outcome: Outcome,
    *,
    keys: Mapping[str, Any],
    code: str,
    about: Mapping[str, Any] | None = None,
) -> None:
    """Write what `made` names (name -> path): predictions, history and metrics, maybe confidences and model.

    keys: checkpoint, recipe, task, regime, seed, family and level. code: digest of the code that made them.
    about: what else the files say of how they were made.
    """
    metadata = {**(about or {}), **keys, "code": code}
    if "confidences" in made:
        write_table(made["confidences"], outcome.confidences, metadata)
    if "model" in made:
        weights = {name: tensor.cpu().contiguous() for name, tensor in solution_of(outcome.model).items()}
        write_tensors(made["model"], weights, metadata)
    write_run(
        (made["predictions"], outcome.predictions),
        (made["history"], outcome.history),
        (made["metrics"], outcome.facts),
        keys=keys,
        code=code,
        about=about,
    )

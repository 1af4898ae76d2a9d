"""What one run leaves, whether it trained or not, and its files."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from transformers import PreTrainedModel

from junkdna.files.artifacts import write_table, write_tensors
from junkdna.files.runs import write_run
from junkdna.models.solution import solution_of


@dataclass(frozen=True, slots=True)
class Result:
    """What one run leaves: a row an example, a row every few steps, and one row of facts (`files.runs_columns`).

    model: as evaluated. confidences: of a traced run, a row an epoch and training example.
    """

    predictions: pd.DataFrame
    history: pd.DataFrame
    facts: dict[str, Any]
    model: PreTrainedModel
    confidences: pd.DataFrame | None


def write_result(
    made: Mapping[str, str],
    result: Result,
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
        write_table(made["confidences"], result.confidences, metadata)
    if "model" in made:
        weights = {name: tensor.cpu().contiguous() for name, tensor in solution_of(result.model).items()}
        write_tensors(made["model"], weights, metadata)
    write_run(
        (made["predictions"], result.predictions),
        (made["history"], result.history),
        (made["metrics"], result.facts),
        keys=keys,
        code=code,
        about=about,
    )

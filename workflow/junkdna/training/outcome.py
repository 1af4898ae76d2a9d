"""What one run leaves, whether it trained or not."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run leaves: a row an example, a row every few steps, and one row of facts.

    model: as evaluated. confidences: of a traced run, a row an epoch and training example.
    """

    predictions: pd.DataFrame
    history: pd.DataFrame
    facts: dict[str, Any]
    model: PreTrainedModel
    confidences: pd.DataFrame | None

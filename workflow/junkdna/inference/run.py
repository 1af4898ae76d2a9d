"""What one run is made of, whether it trains or not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from junkdna.compression.compressed import Compressed
from junkdna.study.specs import TrainSpec
from junkdna.tasks.tokens import Tokens


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A checkpoint, a task, a recipe with what it made of the checkpoint, a regime and a seed.

    checkpoint: local folder. train, validation: the splits of the task. recipe: expanded. compressed: what its files
    hold; a mask that is not there is built by the run. spec: hyper-parameters. device: where it runs.
    """

    checkpoint: Path
    train: Tokens
    validation: Tokens
    recipe: Mapping[str, Any]
    regime: str
    spec: TrainSpec
    seed: int
    device: torch.device
    compressed: Compressed = field(default_factory=Compressed)

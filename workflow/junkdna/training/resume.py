"""The state of an interrupted training: one file, written whole, read back bit for bit.

Tensors are named `<kind>/<name>`: weight, exp_avg, exp_avg_sq and step (one of each for each parameter that trains),
kept (the gradual mask), latent (weights before rounding), trace (confidence and correct by epoch), rng (cpu,
cuda) and loss/sum. All else is JSON in the metadata.
"""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from junkdna.files.artifacts import read_metadata, read_tensors, write_tensors
from junkdna.files.seals import DamagedFileError
from junkdna.training.cartography import restore_trace, trace_state
from junkdna.training.regimes import restore_mask
from junkdna.training.steps import Training

VERSION = "2"
MOMENTS = ("exp_avg", "exp_avg_sq", "step")


def save_training(training: Training, path: Path, fingerprint: str) -> None:
    """Write all that the rest of `training` depends on.

    fingerprint: names the training; only one with the same fingerprint takes the state up.
    """
    journal, pruning = training.journal, training.pruning
    tensors = {"loss/sum": journal.loss, "rng/cpu": torch.get_rng_state()}
    if journal.loss.is_cuda:
        tensors["rng/cuda"] = torch.cuda.get_rng_state(journal.loss.device)
    if pruning.regime == "gradual":
        tensors |= {f"kept/{name}": kept for name, kept in pruning.kept.items()}
    if training.quantization:
        tensors |= {
            f"latent/{name}": latent
            for name, latent in zip(training.quantization.weights, training.quantization.latent, strict=True)
        }
    for name, parameter in _trained(training):
        tensors[f"weight/{name}"] = parameter.detach()
        for moment, value in training.optimizer.state.get(parameter, {}).items():
            tensors[f"{moment}/{name}"] = value
    record = {
        "step": training.step,
        "diverged": training.diverged,
        "per_mille": pruning.per_mille,
        "examples": journal.examples,
        "total_examples": journal.total_examples,
        "seconds": journal.elapsed(),
        "row_seconds": time.perf_counter() - journal.row_at,
        "rows": journal.rows,
    }
    if training.trace is not None:
        traced, epochs = trace_state(training.trace)
        tensors, record = tensors | traced, record | epochs
    metadata = {"version": VERSION, "fingerprint": fingerprint, "record": json.dumps(record)}
    write_tensors(path, {name: tensor.contiguous() for name, tensor in tensors.items()}, metadata)


def resume_training(training: Training, path: Path, fingerprint: str) -> None:
    """Bring a freshly prepared `training` to where the state at `path` was saved, if there is one for it."""
    found = _load_state(path, fingerprint)
    if found is None:
        return
    tensors, record = found
    _restore_parameters(training, tensors)
    torch.set_rng_state(tensors["rng/cpu"])
    journal, pruning = training.journal, training.pruning
    if journal.loss.is_cuda:
        torch.cuda.set_rng_state(tensors["rng/cuda"], journal.loss.device)
    if pruning.regime == "gradual":
        kept = {name: tensors[f"kept/{name}"] for name in pruning.weights}
        restore_mask(pruning, kept, record["per_mille"])
    if training.quantization:
        for name, latent in zip(training.quantization.weights, training.quantization.latent, strict=True):
            latent.copy_(tensors[f"latent/{name}"])
    if training.trace is not None:
        restore_trace(training.trace, tensors, record)
    journal.loss.copy_(tensors["loss/sum"])
    journal.examples, journal.total_examples = record["examples"], record["total_examples"]
    journal.seconds, journal.rows = record["seconds"], record["rows"]
    journal.row_at -= record["row_seconds"]
    training.step, training.diverged = record["step"], record["diverged"]
    print(f"resumed at step {training.step}/{training.plan.steps}", file=sys.stderr, flush=True)


def _trained(training: Training) -> list[tuple[str, Tensor]]:
    """The parameters that are not frozen; the others are as they were loaded."""
    return [(name, each) for name, each in training.model.named_parameters() if each.requires_grad]


@torch.no_grad()
def _restore_parameters(training: Training, tensors: Mapping[str, Tensor]) -> None:
    for name, parameter in _trained(training):
        parameter.copy_(tensors[f"weight/{name}"])
        moments = {moment: tensors[f"{moment}/{name}"] for moment in MOMENTS if f"{moment}/{name}" in tensors}
        if moments:
            # The fused optimizer keeps the step count where the weight is, too.
            training.optimizer.state[parameter] = {
                moment: value.to(parameter.device) for moment, value in moments.items()
            }


def _load_state(path: Path, fingerprint: str) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Read the tensors and the record of `path`; None if there is none, another training's, or a broken one.

    A broken or foreign state costs the time that it saved, never the run: it is passed over with a word on
    stderr. Its seal tells a flipped bit.
    """
    if not path.exists():
        return None
    try:
        metadata = read_metadata(path)
        if (metadata.get("version"), metadata.get("fingerprint")) != (VERSION, fingerprint):
            print(f"warning: state {path} is of another training: starting afresh", file=sys.stderr)
            return None
        return read_tensors(path), json.loads(metadata["record"])
    except (DamagedFileError, OSError) as error:
        reason = getattr(error, "reason", error)
        print(f"warning: state {path} cannot be used ({reason}): starting afresh", file=sys.stderr)
        return None

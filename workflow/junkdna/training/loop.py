"""Fine-tune a checkpoint on a task in one of the regimes, and predict its validation split."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor
from transformers import PreTrainedModel

from junkdna.compression.quantization import Quantized
from junkdna.models import load_classifier
from junkdna.specs import TrainSpec
from junkdna.tokens import Tokens
from junkdna.training.batches import Batch, order_epoch, pad_batches
from junkdna.training.device import choose_precision, peak_memory_mb, synchronize
from junkdna.training.footprint import measure_footprint
from junkdna.training.journal import open_journal, show_progress, skip_time, start_clock
from junkdna.training.objective import prior_loss
from junkdna.training.outcome import Outcome
from junkdna.training.padding import load_for
from junkdna.training.predict import predict
from junkdna.training.qat import start_quantization
from junkdna.training.qlora import start_adapters
from junkdna.training.regimes import start_regime
from junkdna.training.resume import resume_training, save_training
from junkdna.training.scale import Scale
from junkdna.training.schedule import plan_training
from junkdna.training.steps import Training, make_optimizer, take_step
from junkdna.training.trace import Trace, look, trace_table
from junkdna.training.zeroshot import evaluate


def finetune(
    *,
    checkpoint: Path,
    train: Tokens,
    validation: Tokens,
    mask: Mapping[str, Tensor] | None,
    recipe: Mapping[str, Any],
    regime: str,
    spec: TrainSpec,
    seed: int,
    state: Path,
    fingerprint: str,
    device: str,
    traced: bool = False,
    quantized: Mapping[str, Quantized] | None = None,
    moved: Mapping[str, Tensor] | None = None,
    after_step: Callable[[int, PreTrainedModel], None] | None = None,
) -> Outcome:
    """Fine-tune `checkpoint` on `train` and predict `validation`; of format lm, predict it as it is.

    checkpoint: local folder. mask: by mask name, True = kept; None lets the run build it. recipe: expanded.
    state: where the resumable state lives while the training runs; one with this `fingerprint` is taken up,
    and the file is gone at the end. device: "cpu" or "cuda[:i]". traced: look at the training examples after
    each epoch (not for regression); nothing else changes by that. quantized: see `start_quantization`.
    moved: see `start_regime`.
    after_step: called with the number of steps done and the model after each. The same arguments give the same
    bits on a CPU, resumed or not. A loss that
    is no number any more ends the training early (`diverged` in the facts). Raises ValueError for a recipe,
    regime or mask that do not fit each other or the checkpoint.
    """
    start, place = time.perf_counter(), torch.device(device)
    if place.type == "cuda":
        torch.cuda.reset_peak_memory_stats(place)
    given = {"checkpoint": checkpoint, "mask": mask, "recipe": recipe, "regime": regime, "spec": spec}
    given |= {"device": place, "quantized": quantized, "moved": moved}
    if train.format == "lm":
        return evaluate(train=train, validation=validation, **given)
    scale = Scale.of(train)
    training = prepare_training(train=scale.shrink(train), seed=seed, **given)
    if traced:
        assert train.format != "regression", "a value has no probability"
        # A state without the epochs before it is of no use here.
        training.trace, fingerprint = Trace(), f"{fingerprint} traced"
    data = load_for(training.model, scale.shrink(validation), ask=False)
    load_seconds = time.perf_counter() - start

    run_training(training, state, fingerprint, after_step)
    synchronize(place)
    train_seconds = training.journal.elapsed()

    start = time.perf_counter()
    predictions = scale.restore(predict(training.model, data, training.precision), validation)
    seconds = {
        "train_seconds": train_seconds,
        "eval_seconds": time.perf_counter() - start + (training.trace.seconds if training.trace else 0.0),
        "load_seconds": load_seconds,
    }
    state.unlink(missing_ok=True)
    return Outcome(
        predictions=predictions,
        history=pd.DataFrame(training.journal.rows),
        facts=_facts(training, len(data), seconds, place),
        model=training.model,
        confidences=trace_table(training.trace, training.data) if training.trace else None,
    )


def prepare_training(
    *,
    checkpoint: Path,
    train: Tokens,
    mask: Mapping[str, Tensor] | None,
    recipe: Mapping[str, Any],
    regime: str,
    spec: TrainSpec,
    seed: int,
    device: torch.device,
    quantized: Mapping[str, Quantized] | None = None,
    moved: Mapping[str, Tensor] | None = None,
) -> Training:
    """Load the model and the data, and bring both to the start of the regime; arguments as for `finetune`."""
    if regime == "zero-shot":
        raise ValueError(
            f"regime: 'zero-shot' leaves the head of a {train.format} untrained; legal: format lm"
        )
    regression = train.format == "regression"
    model = load_classifier(checkpoint, train.num_labels, seed, regression=regression)
    adapters = start_adapters(model, recipe, regime, quantized, spec, seed, device)
    model.to(device).config.use_cache = False
    data = load_for(model, train)
    pruning = start_regime(model, recipe, regime, mask, seed, moved)
    quantization = None if adapters else start_quantization(model, recipe, quantized)
    return Training(
        model=model,
        optimizer=make_optimizer(model, pruning, spec),
        pruning=pruning,
        data=data,
        spec=spec,
        plan=plan_training(len(data), spec),
        seed=seed,
        precision=choose_precision(spec.precision, device),
        journal=open_journal(device),
        quantization=quantization,
        adapters=adapters,
    )


def run_training(
    training: Training,
    state: Path,
    fingerprint: str,
    after_step: Callable[[int, PreTrainedModel], None] | None = None,
) -> None:
    """Run the steps that are left, saving and telling on the way; arguments as for `finetune`."""
    # Dropout draws from here on, in the same order in every regime of a seed.
    torch.manual_seed(training.seed)
    start_clock(training.journal)
    resume_training(training, state, fingerprint)
    first_step, plan, spec = training.step, training.plan, training.spec
    training.model.train()
    saved = time.monotonic()
    while training.step < plan.steps and not training.diverged:
        for group in _rest_of_epoch(training):
            take_step(training, group)
            last = training.step == plan.steps
            if training.trace and (last or training.step % plan.epoch_steps == 0):
                # Before a save: the epochs of a saved state are all seen.
                _look(training)
            show_progress(training.journal, training.step, plan.steps, first_step, last=last)
            if spec.save_minutes and time.monotonic() - saved >= 60 * spec.save_minutes:
                save_training(training, state, fingerprint)
                saved = time.monotonic()
            if after_step is not None:
                after_step(training.step, training.model)
            if last or training.diverged:
                break


def _rest_of_epoch(training: Training) -> Iterator[list[Batch]]:
    """Yield the batches of each step from here to the end of the epoch."""
    spec = training.spec
    epoch, done = divmod(training.step, training.plan.epoch_steps)
    order = order_epoch(
        training.data.widths,
        batch_size=spec.batch_size,
        bucket=spec.bucket,
        seed=training.seed,
        epoch=epoch,
    )
    batches = pad_batches(training.data, order[done * spec.accumulation :])
    while group := list(islice(batches, spec.accumulation)):
        yield group


def _look(training: Training) -> None:
    epoch = -(-training.step // training.plan.epoch_steps)
    seconds = look(training.trace, training.model, training.data, training.precision, epoch)
    skip_time(training.journal, seconds)


def _facts(
    training: Training, validation_examples: int, seconds: dict[str, float], place: torch.device
) -> dict[str, Any]:
    journal, data = training.journal, training.data
    losses = [row["loss"] for row in journal.rows]
    finite = [loss for loss in losses if math.isfinite(loss)]
    return {
        "train_examples": len(data),
        "validation_examples": validation_examples,
        "steps": training.step,
        **seconds,
        "examples_per_second": journal.total_examples / max(seconds["train_seconds"], 1e-9),
        "peak_memory_mb": peak_memory_mb(place),
        "sparsity": training.pruning.sparsity,
        **measure_footprint(training.model, training.pruning, training.quantization, training.adapters),
        "first_loss": losses[0],
        "final_loss": losses[-1],
        "min_loss": min(finite, default=math.nan),
        "prior_entropy": prior_loss(data.tokens.label, torch.from_numpy(data.counts), data.tokens.format),
        "precision": training.precision,
        "device": str(place),
        "threads": torch.get_num_threads(),
        "diverged": training.diverged,
    }

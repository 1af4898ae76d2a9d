"""Fine-tune a checkpoint on a task in one of the regimes, and predict its validation split."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from transformers import PreTrainedModel

from junkdna.compression.quantization import as_matrix, mean_bits
from junkdna.inference.batches import Batch, order_epoch, pad_batches
from junkdna.inference.label_scale import Scale
from junkdna.inference.objective import prior_loss
from junkdna.inference.padding import load_for
from junkdna.inference.precision import choose_precision, peak_memory_mb, synchronize
from junkdna.inference.predict import predict
from junkdna.inference.result import Result
from junkdna.inference.run import Run
from junkdna.inference.running_text import evaluate
from junkdna.models.compressed import body_weights
from junkdna.models.footprint import footprint, pruned_bits
from junkdna.models.load import load_classifier, on_device
from junkdna.study.regimes import REGIMES, check_pair
from junkdna.study.specs import WEIGHT_BITS
from junkdna.training.cartography import Trace, look, trace_table
from junkdna.training.journal import open_journal, show_progress, skip_time, start_clock
from junkdna.training.qat import start_quantization
from junkdna.training.qlora import start_adapters
from junkdna.training.regimes import start_regime
from junkdna.training.resume import resume_training, save_training
from junkdna.training.schedule import plan_training
from junkdna.training.steps import Training, make_optimizer, take_step


def finetune(
    run: Run,
    *,
    state: Path,
    fingerprint: str,
    traced: bool = False,
    after_step: Callable[[int, PreTrainedModel], None] | None = None,
) -> Result:
    """Fine-tune a checkpoint on the training split of `run` and predict its validation split.

    Of format lm, predict it as it is. state: where the resumable state lives while the training runs; one with this
    `fingerprint` is taken up, and the file is gone at the end. traced: look at the training examples after each epoch
    (not for regression); nothing else changes by that. after_step: called with the number of steps done and the model
    after each. The same arguments give the same bits on a CPU, resumed or not. A loss that is no number any more ends
    the training early (`diverged` in the facts). Raises ValueError for a recipe, regime or mask that do not fit each
    other or the checkpoint.
    """
    start, place = time.perf_counter(), run.device
    if place.type == "cuda":
        torch.cuda.reset_peak_memory_stats(place)
    if run.train.format == "lm":
        return evaluate(run)
    scale = Scale.of(run.train)
    training = prepare_training(replace(run, train=scale.shrink(run.train)))
    if traced:
        assert run.train.format != "regression", "a value has no probability"
        # A state without the epochs before it is of no use here.
        training.trace, fingerprint = Trace(), f"{fingerprint} traced"
    data = load_for(training.model, scale.shrink(run.validation), ask=False)
    load_seconds = time.perf_counter() - start

    run_training(training, state, fingerprint, after_step)
    synchronize(place)
    train_seconds = training.journal.elapsed()

    start = time.perf_counter()
    predictions = scale.restore(predict(training.model, data, training.precision), run.validation)
    seconds = {
        "train_seconds": train_seconds,
        "eval_seconds": time.perf_counter() - start + (training.trace.seconds if training.trace else 0.0),
        "load_seconds": load_seconds,
    }
    state.unlink(missing_ok=True)
    return Result(
        predictions=predictions,
        history=pd.DataFrame(training.journal.rows),
        facts=_facts(training, len(data), seconds, place),
        model=training.model,
        confidences=trace_table(training.trace, training.data) if training.trace else None,
    )


def prepare_training(run: Run) -> Training:
    """Load the model and the training split of `run`, and bring both to the start of its regime."""
    train, regime, recipe, device = run.train, run.regime, run.recipe, run.device
    check_pair(recipe, regime)
    if REGIMES[regime].moves == "nothing":
        raise ValueError(
            f"regime: {regime!r} leaves the head of a {train.format} untrained; legal: format lm"
        )
    model = load_classifier(
        run.checkpoint, train.num_labels, run.seed, regression=train.format == "regression"
    )
    # Read once: a training looks at them more than once.
    quantized = None if run.compressed.quantized is None else dict(run.compressed.quantized)
    adapters = start_adapters(model, recipe, regime, quantized, run.spec, run.seed, device)
    on_device(model, device).config.use_cache = False
    data = load_for(model, train)
    pruning = start_regime(model, recipe, regime, run.compressed, run.seed)
    quantization = None if adapters else start_quantization(model, recipe, quantized)
    return Training(
        model=model,
        optimizer=make_optimizer(model, pruning, run.spec),
        pruning=pruning,
        data=data,
        spec=run.spec,
        plan=plan_training(len(data), run.spec),
        seed=run.seed,
        precision=choose_precision(run.spec.precision, device),
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
            if training.trace is not None and (last or training.step % plan.epoch_steps == 0):
                # Before a save: the epochs of a saved state are all seen.
                _look(training, training.trace)
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


def _look(training: Training, trace: Trace) -> None:
    epoch = -(-training.step // training.plan.epoch_steps)
    seconds = look(trace, training.model, training.data, training.precision, epoch)
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
        **_footprint(training),
        "first_loss": losses[0],
        "final_loss": losses[-1],
        "min_loss": min(finite, default=math.nan),
        "prior_entropy": prior_loss(data.tokens.label, torch.from_numpy(data.counts), data.tokens.format),
        "precision": training.precision,
        "device": str(place),
        "threads": torch.get_num_threads(),
        "diverged": training.diverged,
    }


def _footprint(training: Training) -> dict[str, float]:
    """What the body would take if it were stored as its method stores weights (see `models.footprint`).

    Where a regime ends compressed: codes, scales and zeros, or the kept weights and a mask. All others: 16 bits, for
    the weights that a mask froze or that grew again are still there.
    """
    pruning, quantization, adapters = training.pruning, training.quantization, training.adapters
    whole = REGIMES[pruning.regime].ends == "whole"
    if pruning.given:
        bits = (
            WEIGHT_BITS * body_weights(training.model) / pruning.given.weights
            if whole
            else pruning.given.bits
        )
        return footprint(pruning.given.weights, bits)
    if adapters:
        count = sum(math.prod(shape) for shape in adapters.shapes.values())
        return footprint(count, mean_bits(adapters.shapes, adapters.spec), adapters.parameters)
    bits = float(WEIGHT_BITS)
    if quantization:
        dims = quantization.input_dims
        shapes = {
            name: tuple(as_matrix(each, dims[name]).shape) for name, each in quantization.weights.items()
        }
        bits = mean_bits(shapes, quantization.spec)
    elif pruning.spec and not whole:
        bits = pruned_bits(pruning.sparsity)
    return footprint(body_weights(training.model), bits)

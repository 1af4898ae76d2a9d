"""A training under way, and one optimizer step of it."""

import math
import sys
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from junkdna.inference.batches import Batch, Data
from junkdna.inference.objective import losses_of, scores_of
from junkdna.inference.precision import autocast
from junkdna.study.specs import TrainSpec
from junkdna.training import qat, qlora, regimes
from junkdna.training.cartography import Trace
from junkdna.training.journal import Journal, note_batch, write_row
from junkdna.training.schedule import Plan, learning_rate


@dataclass(slots=True)
class Training:
    """One training under way; `step` counts the optimizer steps done.

    trace: there if it is looked at. quantization: there if the weights are quantized and
    train. adapters: there if adapters train in their place.
    """

    model: PreTrainedModel
    optimizer: torch.optim.Optimizer
    pruning: regimes.Pruning
    data: Data
    spec: TrainSpec
    plan: Plan
    seed: int
    precision: str
    journal: Journal
    step: int = 0
    diverged: bool = False
    trace: Trace | None = None
    quantization: qat.Quantization | None = None
    adapters: qlora.Adapters | None = None


def make_optimizer(model: PreTrainedModel, pruning: regimes.Pruning, spec: TrainSpec) -> torch.optim.AdamW:
    """AdamW that decays matrices only, not biases and norms, nor what the regime decays itself."""
    own = set()
    if regimes.decays_itself(pruning.regime, spec.weight_decay):
        own = {id(weight) for weight in pruning.weights.values()}
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    decayed = [p for p in parameters if p.ndim > 1 and id(p) not in own]
    others = [p for p in parameters if p.ndim <= 1 or id(p) in own]
    groups = [{"params": decayed, "weight_decay": spec.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=spec.learning_rate, fused=True)


def take_step(training: Training, group: list[Batch]) -> None:
    """One optimizer step over the micro-batches `group`."""
    model, optimizer, pruning, spec = training.model, training.optimizer, training.pruning, training.spec
    device, format = training.journal.loss.device, training.data.tokens.format
    rate = learning_rate(training.step, training.plan, spec.learning_rate)
    for part in optimizer.param_groups:
        part["lr"] = rate
    examples = sum(len(batch.labels) for batch in group)
    for batch in group:
        with autocast(training.precision, device):
            logits = model(**batch.inputs).logits
        loss = losses_of(scores_of(logits, batch, format), batch.labels, format).sum()
        # Each example of the step weighs the same, also those of a smaller batch.
        (loss / examples).backward()
        note_batch(training.journal, loss, len(batch.labels))
    regimes.mask_gradients(pruning)
    if spec.clip:
        # The optimizer's lists: to walk the modules for them costs a small model a millisecond a step.
        parameters = [parameter for part in optimizer.param_groups for parameter in part["params"]]
        torch.nn.utils.clip_grad_norm_(parameters, spec.clip)
    if regimes.decays_itself(pruning.regime, spec.weight_decay):
        regimes.decay_kept(pruning, rate * spec.weight_decay)
    if training.quantization:
        qat.unround_weights(training.quantization)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    if training.quantization:
        qat.take_up(training.quantization)
    training.step += 1
    regimes.grow_mask(pruning, optimizer, training.step, training.plan, spec.gradual_every)
    if training.step % training.plan.row == 0 or training.step == training.plan.steps:
        _note_row(training, rate)


def _note_row(training: Training, rate: float) -> None:
    loss = write_row(
        training.journal,
        step=training.step,
        epoch=training.step / training.plan.epoch_steps,
        learning_rate=rate,
        sparsity=training.pruning.sparsity,
    )
    if not math.isfinite(loss):
        print(f"the loss is {loss} at step {training.step}: training ends here", file=sys.stderr)
        training.diverged = True

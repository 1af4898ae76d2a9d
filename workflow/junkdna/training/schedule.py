"""How many steps a training takes, and what the learning rate and the sparsity are at each."""

import math
from dataclasses import dataclass

from junkdna.study.specs import TrainSpec


@dataclass(frozen=True, slots=True)
class Plan:
    """The arithmetic of one training.

    batches: forward passes in an epoch. epoch_steps: optimizer steps in an epoch. steps: optimizer steps in
    all. warmup: how many of them warm up. gradual: the step at which the gradual mask is final. row: steps
    between two rows of the history.
    """

    batches: int
    epoch_steps: int
    steps: int
    warmup: int
    gradual: int
    row: int


HISTORY_ROWS = 50


def plan_training(examples: int, spec: TrainSpec) -> Plan:
    """Plan the training of `spec` on a training set of `examples` examples."""
    batches = math.ceil(examples / spec.batch_size)
    epoch_steps = math.ceil(batches / spec.accumulation)
    steps = epoch_steps * spec.epochs
    if spec.max_steps:
        steps = min(steps, spec.max_steps)
    return Plan(
        batches=batches,
        epoch_steps=epoch_steps,
        steps=steps,
        warmup=min(round(spec.warmup * steps), steps - 1),
        gradual=max(1, min(round(spec.gradual_end * steps), steps)),
        row=math.ceil(steps / HISTORY_ROWS),
    )


def learning_rate(step: int, plan: Plan, peak: float) -> float:
    """Return the rate of step `step` (from 0): up in a line to `peak`, then down in a line to 0 at the end.

    The first step of the warm-up moves already: a step at rate 0 would be lost.
    """
    if step < plan.warmup:
        return peak * (step + 1) / (plan.warmup + 1)
    return peak * (plan.steps - step) / (plan.steps - plan.warmup)


def gradual_per_mille(step: int, plan: Plan, final: int) -> int:
    """Return the sparsity after `step` steps, in thousandths: s_f (1 - (1 - t/T)^3), `final` from T on.

    Zhu & Gupta 2017 (To prune, or not to prune), equation 1 with initial sparsity 0.
    """
    if step >= plan.gradual:
        return final
    return round(final * (1 - (1 - step / plan.gradual) ** 3))

"""What claims about asked models need of single questions: which were lost beyond what margins foretell."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from junkdna.statistics.bootstrap import Replicates, distinct_weights, spread
from junkdna.statistics.margins import foretold, gap_at_same_margins, noise_of, pooled
from junkdna.tables.predictions import Stack

Array = np.ndarray


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """What a compressed run loses on the hard task beyond what margins foretell.

    gap: fewer right answers than on the easy task at the same margins, as a share [R]. compared: share of the hard
    questions that have easy ones like them. lost, gained: of easy and hard questions, the share of the right answers
    that turned wrong, and of the wrong ones that turned right.
    """

    gap: Array
    compared: float
    lost: tuple[float, float]
    gained: tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Questions:
    """What the claims need of single questions.

    gaps: by (axis, checkpoint, recipe, seed). asked: the tasks that are asked by options. formats: of all tasks but
    those whose gold answers have a likelihood: they are neither chosen nor written. pools: of each task, what is the
    same for tasks over the same questions.
    """

    gaps: Mapping[tuple[str, str, str, int], Gap] = field(default_factory=dict)
    asked: Collection[str] = ()
    formats: Mapping[str, str] = field(default_factory=dict)
    pools: Mapping[str, bytes] = field(default_factory=dict)


def questions_of(
    runs: pd.DataFrame,
    stacks: Mapping[str, Stack],
    tasks: Mapping[str, Mapping[str, str]],
    axes: Mapping[str, Mapping[str, Sequence[str]]],
    replicates: Replicates,
    seed: int,
) -> Questions:
    """Gather from all runs what the claims need of single questions; the arguments are those of `tables_of`.

    runs: from `runs_table`, with `dense_row`.
    """
    gaps: dict[tuple[str, str, str, int], Gap] = {}
    asked = {task for task, stack in stacks.items() if stack.scores is not None}
    for axis, described in axes.items():
        ends = [task for task in described["tasks"] if task in stacks]
        ends = [ends[0], ends[-1]] if len(ends) > 1 else []
        if ends and set(ends) <= asked and described.get("vary") != "budget":
            found = _gaps(runs, [(stacks[task], tasks[task]["metric"]) for task in ends], replicates, seed)
            gaps |= {(axis, *keys): gap for keys, gap in found.items()}
    return Questions(
        gaps=gaps,
        asked=asked,
        formats={task: each["format"] for task, each in tasks.items() if each["metric"] != "gold-likelihood"},
        pools={task: stack.example_id.tobytes() for task, stack in stacks.items()},
    )


def _gaps(
    runs: pd.DataFrame, ends: Sequence[tuple[Stack, str]], replicates: Replicates, seed: int
) -> dict[tuple[str, str, int], Gap]:
    """The gaps of all compressed runs that have a finite twin, on the easy and the hard one of two tasks."""
    weights = [
        np.concatenate(list(distinct_weights(stack.example_id, replicates.draws, seed)), dtype=np.float64)
        for stack, _ in ends
    ]
    rights = [_right(stack, metric) for stack, metric in ends]
    places = [_places(runs, stack) for stack, _ in ends]
    found = {}
    for keys, (after, before) in places[1].items():
        # Of a task whose prompts are not drawn one run serves all seeds.
        other = places[0].get(keys) or _only(places[0], keys[:2])
        if other is None:
            continue
        rows = [other, (after, before)]
        scores = [
            (stack.scores[old].astype(np.float64), stack.scores[new].astype(np.float64))
            for (stack, _), (new, old) in zip(ends, rows, strict=True)
            if stack.scores is not None
        ]
        noise = pooled([noise_of(*each) for each in scores])
        hits = [_hits(each[1], right) for each, right in zip(scores, rights, strict=True)]
        known = [_hits(each[0], right) for each, right in zip(scores, rights, strict=True)]
        said = [foretold(each[0], right, noise) for each, right in zip(scores, rights, strict=True)]
        gap, compared = gap_at_same_margins((said[0], hits[0]), (said[1], hits[1]), (weights[0], weights[1]))
        found[keys] = Gap(
            gap=spread(gap, replicates),
            compared=compared,
            lost=_turned(known, hits, 1),
            gained=_turned(known, hits, 0),
        )
    return found


def _right(stack: Stack, metric: str) -> Array:
    """Place of the right option of each question [n]; where options were left out it comes first."""
    whole = metric != "expected-accuracy"
    return stack.target.astype(int) if whole else np.zeros(len(stack.example_id), dtype=int)


def _places(runs: pd.DataFrame, stack: Stack) -> dict[tuple[str, str, int], tuple[int, int]]:
    """Places in a stack of each compressed run and its twin, by (checkpoint, recipe, seed); finite ones alone."""
    place = {row: index for index, row in enumerate(stack.row) if stack.finite[index]}
    chosen = runs.iloc[stack.row]
    chosen = chosen[(chosen["regime"] == "zero-shot") & (chosen["family"] != "dense")]
    keys = zip(chosen["checkpoint"], chosen["recipe"], chosen["seed"], strict=True)
    twins = chosen["dense_row"].to_numpy()
    return {
        key: (place[row], place[twin])
        for key, row, twin in zip(keys, chosen.index, twins, strict=True)
        if row in place and twin in place
    }


def _only(
    places: Mapping[tuple[str, str, int], tuple[int, int]], run: tuple[str, str]
) -> tuple[int, int] | None:
    found = [each for keys, each in places.items() if keys[:2] == run]
    return found[0] if len(found) == 1 else None


def _hits(scores: Array, right: Array) -> Array:
    """Whether the right option has the highest score, of equal ones the first [n]."""
    return (np.nanargmax(scores, axis=1) == right).astype(np.float64)


def _turned(known: Sequence[Array], hits: Sequence[Array], start: int) -> tuple[float, float]:
    """Of the answers that were right (start 1) or wrong (0), the share that turned; easy and hard, NaN without any."""
    easy, hard = (
        float((now[was == start] != start).mean()) if (was == start).any() else np.nan
        for was, now in zip(known, hits, strict=True)
    )
    return easy, hard

"""The claim that quantization does not separate tasks by difficulty as pruning does, on equal terms.

Two rows for each quantized family and axis. `quantization-differs` compares at the same mean damage and is the
primary claim: there neither is merely the milder one. `quantization-differs-bytes` compares at the same bytes,
which is what one may choose between, but where quantization does less damage it also has less to separate; it is
therefore a single row beside the claim and no second claim in the family that Holm corrects.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from junkdna.claims.effects import Effect, effect_of, p_equivalent, said
from junkdna.claims.equal_terms import APART, BEYOND, Costs, Match, at_bits, at_damage, costs_of, on_the_way
from junkdna.tables.families import Family
from junkdna.tables.runs import PATTERN

Array = np.ndarray


def rival_of(quantized: Family, families: Sequence[Family], tasks: Sequence[str]) -> Family | None:
    """The pruned family that a quantized one is set against on these tasks; None where there is none.

    One only, or a study of many methods would drown in pairs: the first in the order of the study that has all
    the tasks, an unstructured one before N:M and one of several levels before a single one. No control, and
    without training if the quantized one was not trained.
    """
    own = quantized.curve_regime

    def fits(family: Family) -> bool:
        regime = family.curve_regime
        untrained = [each == "zero-shot" for each in (own, regime)]
        held = all(family.levels(task, regime) for task in tasks)
        return (
            family.checkpoint == quantized.checkpoint and family.speaks and held and len(set(untrained)) == 1
        )

    def rank(family: Family) -> tuple[bool, bool]:
        return family.selection.startswith(PATTERN), len(family.levels(tasks[0], family.curve_regime)) < 2

    return min(filter(fits, families), key=rank, default=None)


def quantization_differs(
    quantized: Family, families: Sequence[Family], axis: str, tasks: Sequence[str], margin: float
) -> list[Effect]:
    """How much more pruning separates the tasks of an axis than quantization, at the same damage and bytes.

    Damage and separation are those of `terms`; those of the pruned family (see `rival_of`) are taken from its
    curves at each quantized level, and the effect is the mean over the levels. Left out are levels that pruning
    does not reach or where its own levels are too far apart to tell what is between them, and levels that say
    nothing: whose own damage is at most the margin, or, at equal bytes, whose damage is under both kinds. p_tost:
    that the separation of quantization itself, over the same levels, is within the margin.
    """
    tasks = [task for task in tasks if quantized.levels(task, quantized.curve_regime)]
    pruned = rival_of(quantized, families, tasks) if len(tasks) > 1 else None
    if pruned is None:
        return []
    own, other = costs_of(quantized, tasks), costs_of(pruned, tasks)
    places, curves = on_the_way(other)
    terms: dict[tuple[str, str], list[Match]] = {
        ("quantization-differs", "mean damage"): [at_damage(other, curves, each) for each in own.damage],
        ("quantization-differs-bytes", "bytes"): [at_bits(other, places, curves, each) for each in own.bits],
    }
    cells = [cell for each in (quantized, pruned) for cell in each.curve(tasks, each.curve_regime)]
    effects = []
    own_separation = own.separation
    for (claim, equal), matched in terms.items():
        used, caveat = _used(own, matched, equal, margin, quantized)
        effect: Array | None = None
        more: dict[str, float] = {"n_axis": len(tasks)}
        if used:
            alone = np.mean(own_separation[list(used)], axis=0)
            effect = np.mean([separation for _, separation in used.values()], axis=0) - alone
            more["p_tost"] = p_equivalent(alone, quantized.replicates, margin)
            caveat = (
                f" Quantization alone costs {said(alone, quantized.replicates)} points a step (p that this is not "
                f"within the margin: {more['p_tost']:.2g}).{caveat}"
            )
        words = f"On the axis {axis}, each step costs {{effect}} points more under {pruned.name} than under "
        words += f"{quantized.name} of the same {equal}"
        levels = {own.levels[i] for i in used} | set(other.levels)
        effects.append(
            effect_of(
                quantized,
                claim,
                axis,
                effect,
                words,
                cells,
                levels=levels,
                caveat=caveat,
                regime=quantized.curve_regime,
                more=more,
            )
        )
    return effects


def _used(
    own: Costs, matched: Sequence[Match], equal: str, margin: float, quantized: Family
) -> tuple[dict[int, tuple[Array, Array]], str]:
    """Which quantized levels enter an effect, and the sentences about them and the others.

    matched: damage and separation of pruning at each quantized level; returned of those that enter, by place.
    """
    beyond, apart = ([i for i, each in enumerate(matched) if each is why] for why in (BEYOND, APART))
    reached = {i: each for i, each in enumerate(matched) if not isinstance(each, str)}
    mild = [i for i, (damage, _) in reached.items() if max(own.damage[i][0], damage[0]) <= margin]
    used = {i: each for i, each in reached.items() if i not in mild}
    more_or_fewer = (
        "more damage than pruning does" if equal == "mean damage" else "fewer than pruning reaches"
    )
    left_out = {
        more_or_fewer: beyond,
        "between levels of pruning that are far apart": apart,
        "damage within the margin": mild,
    }
    words = "".join(f" Left out, {why}: {_bits(own, places)}." for why, places in left_out.items() if places)
    if not used:
        return used, f" No level to compare at.{words}"
    rounded, cut = (
        said(np.mean(each, axis=0), quantized.replicates)
        for each in ([own.damage[i] for i in used], [theirs for theirs, _ in used.values()])
    )
    damage = f"the mean damage of both is {rounded} points"
    if equal != "mean damage":
        damage = f"the mean damage is {rounded} points under quantization, {cut} under pruning"
    return used, f" Compared at {_bits(own, used)} a weight, where {damage}.{words}"


def _bits(own: Costs, places: Iterable[int]) -> str:
    return ", ".join(f"{own.bits[i]:.3g}" for i in places) + " bits"

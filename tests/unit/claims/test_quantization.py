"""Pruning and quantization on equal terms: the claims, the table and the figures, against plain loops."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq, curve_fit
from tests.simulated import row_of

from described import untrue
from junkdna.claims.equal_terms import APART, BEYOND, Costs, at_bits, at_damage, on_the_way
from junkdna.claims.study import tables_of
from junkdna.claims.table import PRIMARY
from junkdna.figures.equal_terms import equal_damage_figure
from junkdna.figures.study import study_figures
from junkdna.figures.style import spec
from junkdna.report.cautions import study_cautions
from junkdna.simulation.draws import Spread, design, recipe, simulate, sweep

TASKS = {
    name: {"metric": "accuracy", "format": "pair", "classes": 2, "dense": 0.9}
    for name in ("easy", "mid", "hard")
}
AXES = {"depth": {"tasks": list(TASKS)}}
PLACE = {task: index - 1 for index, task in enumerate(TASKS)}
LEVELS = (20, 40, 60, 80)
DENSE = {"dense": recipe("dense", 0, method="none")}
RECIPES = (
    DENSE
    | sweep("random", LEVELS, like="magnitude")
    | sweep("magnitude", LEVELS)
    | sweep("wanda", LEVELS)
    | sweep("rtn", LEVELS, method="quantize")
)


def retention(cell: dict) -> float:
    """Pruning separates by 10 points a step at every level, quantization not at all, and does less damage."""
    lost = {"rtn": 0.2, "random": 0.5}.get(cell["family"], 0.4) * cell["level"] / 80
    return 1 - lost - (0.1 * PLACE[cell["task"]] if cell["family"] in ("magnitude", "wanda") else 0.0)


def drawn(recipes: dict = RECIPES, truth=retention, **options) -> tuple:
    runs = design(tasks=TASKS, recipes=recipes, seeds=range(4), retention=truth, **options)
    still = Spread(dense_sd=0, seed_sd=0.005, run_sd=0.005)
    return simulate(runs, TASKS, examples=3000, rng=np.random.default_rng(0), spread=still)


@pytest.fixture(scope="module")
def study() -> dict[str, pd.DataFrame]:
    facts, stacks = drawn()
    options = {"axes": AXES, "draws": 100, "seed": 0, "margin": 0.02}
    made = tables_of(facts, stacks, tasks=TASKS, recipes=RECIPES, **options)
    # Simulated runs say little of themselves.
    assert [line for name in made if name != "runs" for line in untrue(name, made[name])] == []
    return made


def cost(study: dict[str, pd.DataFrame], family: str) -> dict[float, tuple[float, float, float]]:
    """Bits, damage and separation by level, from the means of the single runs, by plain loops."""
    runs, out = study["runs"], {}
    for level in LEVELS:
        of_level = runs[(runs["family"] == family) & (runs["level"] == level)]
        kept = [of_level[of_level["task"] == task]["retention"].mean() for task in TASKS]
        bits = of_level["effective_bits"].iloc[0]
        out[level] = (bits, 1 - sum(kept) / 3, -np.polyfit([0, 1, 2], kept, 1)[0])
    return out


def test_the_table_of_terms_is_the_plain_mean_and_slope(study):
    terms = study["equal_terms"]
    assert list(terms["family"].unique()) == ["random", "magnitude", "wanda", "rtn"]
    for family in ("magnitude", "rtn"):
        expected = cost(study, family)
        rows = terms[terms["family"] == family]
        assert list(rows["level"]) == list(LEVELS)
        for row in rows.itertuples():
            found = (row.effective_bits, row.damage, row.separation)
            assert found == pytest.approx(expected[row.level], abs=1e-5)
            assert row.damage_low < row.damage < row.damage_high
            assert row.separation_low < row.separation < row.separation_high
            assert (row.n_seeds, row.n_tasks, row.axis) == (4, 3, "depth")
    assert list(terms.groupby("family", sort=False)["control"].first()) == [True, False, False, False]
    assert terms.groupby("family")["method"].first()["rtn"] == "quantize"


def curves_by_hand(study: dict[str, pd.DataFrame]):
    """Retention of each task under magnitude at any level: its logistic fit (scipy), moved onto the measured points."""
    runs, made = study["runs"], []
    for task in TASKS:
        own = runs[(runs["family"] == "magnitude") & (runs["task"] == task)]
        kept = [1.0, *(own[own["level"] == level]["retention"].mean() for level in LEVELS)]
        found, _ = curve_fit(logistic_of, LEVELS, kept[1:], p0=(60, 20), bounds=((-20, 2), (140, 60)))
        rest = np.array(kept) - logistic_of(np.array([0.0, *LEVELS]), *found)
        made.append((found, rest))

    def at(level: float) -> list[float]:
        return [logistic_of(level, *found) + np.interp(level, [0, *LEVELS], rest) for found, rest in made]

    return at


def logistic_of(level, middle, width):
    return 1 / (1 + np.exp((level - middle) / width))


def expected_effect(study: dict[str, pd.DataFrame], by: str, reached: tuple[int, ...]) -> float:
    """Mean over levels of pruning's separation where bits or damage are equal, less quantization's."""
    at, pruned, rounded = curves_by_hand(study), cost(study, "magnitude"), cost(study, "rtn")
    differences = []
    for level in reached:
        bits, damage, separation = rounded[level]
        if by == "damage":
            place = brentq(lambda x, lost=damage: 1 - np.mean(at(x)) - lost, 0, 80)
        else:
            points = sorted([(16.0, 0), *((each[0], each_level) for each_level, each in pruned.items())])
            place = np.interp(bits, *zip(*points, strict=True))
        differences.append(-np.polyfit([0, 1, 2], at(place), 1)[0] - separation)
    return float(np.mean(differences))


def test_at_equal_damage_the_effect_is_that_of_curves_by_hand(study):
    row = row_of(study["claims"], "quantization-differs")
    assert row["effect"] == pytest.approx(expected_effect(study, "damage", LEVELS), abs=2e-4)
    assert row["verdict"] == "supported" and row["p_tost"] < 0.05
    assert "more under magnitude unstructured than under rtn of the same mean damage" in row["sentence"]


def test_at_equal_bytes_levels_beyond_pruning_are_left_out_and_said(study):
    """80 % pruned is 4.2 bits with its mask; 80 % saved by quantization is 3.2."""
    row = row_of(study["claims"], "quantization-differs-bytes")
    assert row["effect"] == pytest.approx(expected_effect(study, "bits", LEVELS[:3]), abs=2e-4)
    assert row["verdict"] == "supported" and row["p_tost"] < 0.05
    assert "Compared at 12.8, 9.6, 6.4 bits a weight" in row["sentence"]
    assert "Left out, fewer than pruning reaches: 3.2 bits." in row["sentence"]
    assert "points under quantization" in row["sentence"]
    assert any(
        "one bit a weight for the mask" in each
        for each in study_cautions(study["runs"], study["claims"], AXES)
    )


def test_only_equal_damage_is_a_primary_claim_and_one_pruned_family_is_compared(study):
    claims = study["claims"]
    assert "quantization-differs-bytes" not in PRIMARY and len(PRIMARY) == 6
    assert set(claims.loc[claims["claim"] == "quantization-differs", "scope"]) == {"primary", "cell"}
    single = claims[claims["claim"].str.startswith("quantization")]
    assert list(single["scope"]).count("cell") == 2, "wanda and the control are not set against rtn"


def test_milder_quantization_is_no_difference_where_damage_is_equal():
    """Both lose as the level times place does: at equal bytes pruning separates more, at equal damage it does not."""

    def truth(cell: dict) -> float:
        return 1 - (0.1 if cell["family"] == "rtn" else 0.4) * cell["level"] / 80 * (
            1 + PLACE[cell["task"]] / 2
        )

    recipes = DENSE | sweep("magnitude", LEVELS) | sweep("rtn", LEVELS, method="quantize")
    facts, stacks = drawn(recipes, truth)
    options = {"axes": AXES, "draws": 100, "seed": 0, "margin": 0.02}
    claims = tables_of(facts, stacks, tasks=TASKS, recipes=recipes, **options)["claims"]
    assert row_of(claims, "quantization-differs-bytes")["verdict"] == "supported"
    assert row_of(claims, "quantization-differs")["verdict"] != "supported"
    assert abs(row_of(claims, "quantization-differs")["effect"]) < 0.02


def test_where_pruning_reaches_no_level_nothing_is_measured():
    recipes = DENSE | sweep("magnitude", [20]) | sweep("rtn", [80], method="quantize")
    facts, stacks = drawn(recipes)
    options = {"axes": AXES, "draws": 50, "seed": 0, "margin": 0.02}
    row = row_of(
        tables_of(facts, stacks, tasks=TASKS, recipes=recipes, **options)["claims"],
        "quantization-differs-bytes",
    )
    assert row["verdict"] == "not measured" and np.isnan(row["p_tost"])
    assert "no run is usable" not in row["sentence"]
    assert "No level to compare at. Left out, fewer than pruning reaches: 3.2 bits." in row["sentence"]


def of_truth(levels, middles=(60.0, 50.0, 40.0), width=10.0) -> Costs:
    """Costs of tasks whose retention is exactly logistic, less the little that a logistic curve lacks at level 0."""
    at = np.array([0.0, *levels])
    kept = np.stack([logistic_of(at, middle, width) for middle in middles], axis=1)
    bits = 16 * (1 - at[1:] / 100) + 1
    return Costs(levels=list(levels), bits=bits, kept=np.repeat(kept[1:, :, None], 3, axis=2))


@pytest.mark.parametrize("levels", [(20, 40, 60, 80), (30, 40, 50, 60, 70), (30, 45, 55, 70)])
def test_separation_between_levels_follows_the_hump_and_not_the_chord(levels):
    """Separation rises with damage and falls again; a straight line between two levels would cut that off."""
    costs = of_truth(levels)
    places, curves = on_the_way(costs)
    asked = []
    for level in range(levels[0], levels[-1] + 1, 5):
        kept = np.array([logistic_of(level, middle, 10.0) for middle in (60.0, 50.0, 40.0)])
        found = at_damage(costs, curves, np.full(3, 1 - kept.mean()))
        if found is not APART:
            asked.append(level)
            assert found[1] == pytest.approx(np.full(3, (kept[0] - kept[2]) / 2), abs=0.012)
    assert set(levels) < set(asked)
    assert places[0] == 0 and (curves[0] == pytest.approx(1.0))


def test_between_levels_that_are_far_apart_nothing_is_compared():
    """Levels of 60 and 80 % do .68 and .93 of the damage: nothing tells what is at .3; near a level it is told."""
    costs = of_truth((60, 80))
    places, curves = on_the_way(costs)
    known = costs.damage[:, 0]
    assert at_damage(costs, curves, np.full(3, 0.3)) is APART
    for damage in (known[0] - 0.04, known[0] + 0.1, known[1]):
        assert at_damage(costs, curves, np.full(3, damage)) is not APART
    assert at_bits(costs, places, curves, 11.0) is APART


def test_at_a_measured_level_its_own_numbers_come_back():
    rng = np.random.default_rng(1)
    costs = Costs(levels=[20, 40, 60], bits=np.array([13.8, 10.6, 7.4]), kept=rng.random((3, 2, 5)))
    places, curves = on_the_way(costs)
    for place in range(3):
        damage, separation = at_bits(costs, places, curves, costs.bits[place])
        assert damage == pytest.approx(costs.damage[place]) and separation == pytest.approx(
            costs.separation[place]
        )
        by_loop = [costs.kept[place, 0, r] - costs.kept[place, 1, r] for r in range(5)]
        assert costs.separation[place] == pytest.approx(by_loop)
    assert at_bits(costs, places, curves, 7.3) is BEYOND
    assert at_damage(costs, curves, np.full(5, 1 + costs.damage.max())) is BEYOND
    none = Costs(levels=[], bits=np.array([]), kept=np.zeros((0, 2, 5)))
    places, curves = on_the_way(none)
    assert at_bits(none, places, curves, 8.0) is at_damage(none, curves, np.full(5, 0.1)) is BEYOND


def test_a_study_with_both_kinds_has_the_figures_of_equal_terms(study):
    assert not any(name.startswith("equal") for name in study_figures(study["cells"], study["runs"], AXES))
    figures = study_figures(study["cells"], study["runs"], AXES, terms=study["equal_terms"])
    assert [name for name in figures if name.startswith("equal")] == [
        "equal-bytes-depth",
        "equal-damage-depth",
    ]
    drawn_bytes = spec(figures["equal-bytes-depth"])
    titles = [panel["title"]["text"] for panel in drawn_bytes["concat"]]
    assert titles[-1] == "simulated, rtn" and len(titles) == 4
    scale = drawn_bytes["concat"][0]["layer"][1]["encoding"]["x"]["scale"]
    assert scale["type"] == "log" and scale["domain"][0] > 16 > scale["domain"][1]
    points = [
        row for rows in drawn_bytes["datasets"].values() for row in rows if row.get("recipe") == "rtn-u60"
    ]
    assert len(points) == 3 and [row["bits"] for row in points] == pytest.approx([6.4] * 3)
    assert any(
        row.get("recipe") == "dense" and row["bits"] == 16
        for rows in drawn_bytes["datasets"].values()
        for row in rows
    )
    names = {
        row["name"]
        for rows in spec(figures["equal-damage-depth"])["datasets"].values()
        for row in rows
        if "name" in row
    }
    assert names == {"magnitude unstructured", "wanda unstructured", "rtn"}, "controls are left out"
    empty = spec(equal_damage_figure(study["equal_terms"].iloc[:0], title="t"))
    assert "No level" in str(empty)


def test_nf4_with_adapters_has_its_mark_though_it_is_of_one_level():
    recipes = DENSE | sweep("magnitude", LEVELS) | sweep("wanda", LEVELS[:1])
    recipes |= {"nf4-w4g64": recipe("nf4", 73.4, method="quantize")}
    runs = design(tasks=TASKS, recipes=recipes, seeds=range(3), retention=retention)
    runs.loc[runs["family"] == "nf4", "regime"] = "qlora"
    facts, stacks = simulate(runs, TASKS, examples=300, rng=np.random.default_rng(0))
    options = {"axes": AXES, "draws": 20, "seed": 0, "margin": 0.02}
    tables = tables_of(facts, stacks, tasks=TASKS, recipes=recipes, **options)
    assert (tables["equal_terms"]["regime"] == "qlora").sum() == 1
    figures = study_figures(tables["cells"], tables["runs"], AXES, terms=tables["equal_terms"])
    panels = spec(figures["equal-bytes-depth"])["concat"]
    assert [panel["title"]["text"] for panel in panels] == [
        "simulated, magnitude unstructured",
        "simulated, nf4, qlora",
    ]
    drawn_names = {
        row.get("name") for rows in spec(figures["equal-damage-depth"])["datasets"].values() for row in rows
    }
    assert drawn_names - {None} == {"magnitude unstructured", "nf4, qlora"}
    claims = tables["claims"]
    compared = claims[claims["claim"].str.startswith("quantization-differs") & (claims["scope"] == "cell")]
    assert len(compared) == 2 and compared["sentence"].str.contains("nf4").all()


def test_the_first_pruned_family_of_the_study_is_compared():
    recipes = (
        DENSE | sweep("wanda", LEVELS) | sweep("magnitude", LEVELS) | sweep("rtn", LEVELS, method="quantize")
    )
    facts, stacks = drawn(recipes)
    options = {"axes": AXES, "draws": 50, "seed": 0, "margin": 0.02}
    claims = tables_of(facts, stacks, tasks=TASKS, recipes=recipes, **options)["claims"]
    assert (
        "more under wanda unstructured than under rtn" in row_of(claims, "quantization-differs")["sentence"]
    )

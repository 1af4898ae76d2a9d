"""A study beside the paper: which points meet, what is compared, and what the figure shows."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.simulated import RECIPES, TASKS, grid, stack_study

from configs import SCHEMA, user
from described import untrue
from junkdna.figures.replication import overlay
from junkdna.figures.style import save, spec
from junkdna.statistics.bootstrap import Replicates
from junkdna.study.check import check
from junkdna.study.paper_points import paper_points, replicated_runs, replicated_tasks
from junkdna.study.recipes import expand_recipes
from junkdna.study.runs import valid_runs
from junkdna.tables.predictions import score_draws
from junkdna.tables.replication import read_values, replication_summary, replication_table
from junkdna.tables.runs import runs_table

VALUES = Path(__file__).parents[3] / "resources/reference/paper/values.csv"
FIGURES = ["across-tasks-unstructured", "across-tasks-nm", "true-gem-tasks-unstructured"]
FIGURES += ["data-adequacy-unstructured", "data-adequacy-nm"]
OURS = {
    "keyword": {"paper": "sst2", "train_percent": 100, "cut": True},
    "agreement": {"paper": "qnli", "train_percent": 50, "cut": False},
    "similarity": {"paper": "stsb", "train_percent": 100, "cut": True},
    "deduction": {"paper": "cola", "train_percent": 100, "cut": True},
}
COLLAPSE = [("magnitude-u80", "deduction", "sparse", 2), ("magnitude-u60", "keyword", "regrow", 1)]


@pytest.fixture(scope="module")
def values() -> pd.DataFrame:
    return read_values(VALUES)


def compare(values, runs, *, figures=FIGURES, tasks=OURS, **truth) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table of a made-up study, and its runs."""
    facts, stacks = stack_study(runs, examples=150, **truth)
    replicates = Replicates(seeds=tuple(sorted({run["seed"] for run in runs})), draws=200)
    draws = score_draws(stacks, TASKS, replicates, 0)
    described = runs_table(facts, stacks, draws, replicates, tasks=TASKS, recipes=RECIPES)
    options = {"figures": figures, "tasks": tasks, "recipes": RECIPES}
    table = replication_table(described, draws, replicates, values, **options)
    assert untrue("replication", table) + untrue("replication-summary", replication_summary(table)) == []
    return table, described


@pytest.fixture(scope="module")
def study(values) -> tuple[pd.DataFrame, pd.DataFrame]:
    return compare(values, grid(), collapse=COLLAPSE)


# Which points meet


def test_points_meet_in_task_share_regime_level_and_pattern(study):
    table, _ = study
    found = dict(list(table.groupby("figure")))
    levels = [20, 40, 50, 60, 80]
    across = found["across-tasks-unstructured"]
    # `agreement` saw half of the data, and `options` is no task of the paper.
    assert {task: rows["level"].tolist() for task, rows in across.groupby("task")} == {
        "deduction": levels,
        "keyword": levels,
        "similarity": levels,
    }
    assert set(found["across-tasks-nm"]["pattern"]) == {"6of8", "4of8", "2of8"}
    gem = found["true-gem-tasks-unstructured"].groupby(["task", "regime"]).size()
    assert gem.to_dict() == {
        (task, regime): 5 if regime == "sparse" else 2
        for task in ("keyword", "deduction")
        for regime in ("sparse", "freeze", "regrow")
    }
    adequacy = found["data-adequacy-nm"]
    assert set(zip(adequacy["task"], adequacy["series"], strict=True)) == {
        ("keyword", "100 %"),
        ("agreement", "50 %"),
    }


def test_another_score_or_group_does_not_meet(values):
    runs = grid(extra=(), tasks=("keyword",))
    facts, stacks = stack_study(runs, examples=60)
    replicates = Replicates(seeds=(1, 2, 3), draws=50)
    draws = score_draws(stacks, TASKS, replicates, 0)
    described = runs_table(facts, stacks, draws, replicates, tasks=TASKS, recipes=RECIPES)
    changed = RECIPES | {
        "magnitude-u50": RECIPES["magnitude-u50"] | {"score": "random"},
        "magnitude-4of8": RECIPES["magnitude-4of8"] | {"keep": 2, "group": 4},
    }
    options = {"figures": FIGURES[:2], "tasks": OURS, "recipes": changed}
    table = replication_table(described, draws, replicates, values, **options)
    assert not {"magnitude-u50", "magnitude-4of8"} & set(table["recipe"])
    assert {"magnitude-u40", "magnitude-2of8"} <= set(table["recipe"])


def test_the_figures_own_model_is_preferred_and_the_label_tells(values):
    runs = grid(checkpoints=("tiny-encoder", "roberta-large"), tasks=("keyword",), extra=())
    table, _ = compare(values, runs, figures=["across-tasks-unstructured", "data-adequacy-nm"])
    models = table.groupby("figure")["checkpoint"].unique().map(sorted).to_dict()
    assert models == {
        "across-tasks-unstructured": ["roberta-large"],
        "data-adequacy-nm": ["roberta-large", "tiny-encoder"],
    }, "the paper's data adequacy is of roberta-base"
    labels = replication_summary(table).groupby("figure")["label"].unique().map(set).to_dict()
    assert labels == {
        "across-tasks-unstructured": {"the paper's model, tasks cut"},
        "data-adequacy-nm": {"another model, tasks cut"},
    }


def test_a_figure_that_no_run_meets_is_an_error(values):
    runs = grid(tasks=("keyword",), extra=())
    with pytest.raises(ValueError, match="no run of the study stands at a point of translation-nm"):
        compare(values, runs, figures=["across-tasks-nm", "translation-nm"])


# What is compared


def test_ours_is_the_ratio_of_means_over_all_runs_collapsed_ones_too(study):
    table, runs = study
    for row in table.query("figure == 'true-gem-tasks-unstructured'").itertuples():
        own = runs[(runs["task"] == row.task) & (runs["recipe"] == row.recipe)]
        own = own[own["regime"] == row.regime]
        dense = runs[(runs["task"] == row.task) & (runs["recipe"] == "dense")]
        assert len(own) == len(dense) == row.n_seeds == 3
        score, whole, chance = own["score"].mean(), dense["score"].mean(), own["chance"].iloc[0]
        assert row.percent == pytest.approx(100 * score / whole, rel=1e-6)
        assert row.retention == pytest.approx((score - chance) / (whole - chance), rel=1e-6)
        assert row.fail_rate == pytest.approx(1 - own["trained"].mean())
    assert table.query("task == 'keyword' and regime == 'regrow' and level == 60")["fail_rate"].tolist() == [
        pytest.approx(1 / 3)
    ]


def test_a_score_of_constant_runs_has_no_interval_and_meets_nothing(values):
    """The correlation of one class throughout is 0 by convention: no value of the paper lies in 0 [0, 0]."""
    runs = grid(tasks=("deduction",), extra=())
    collapse = [("magnitude-u80", "deduction", "sparse", seed) for seed in (1, 2, 3)]
    table, described = compare(values, runs, figures=FIGURES[:1], collapse=collapse)
    became = described[described["recipe"] == "magnitude-u80"]["outcome"]
    assert (became == "constant").all()
    row = table[table["recipe"] == "magnitude-u80"].iloc[0]
    assert row["percent"] == row["retention"] == 0
    for name in ("percent", "retention"):
        ends = [f"{name}_{end}" for end in ("low", "high", "difference_low", "difference_high", "z")]
        assert row[ends].isna().all() and pd.isna(row[f"{name}_inside"])
    summary = replication_summary(table)
    assert (summary["compared"] == 5).all() and (summary["with_interval"] == 4).all()
    shares = summary["inside_share"] * 4
    assert shares.to_numpy() == pytest.approx(shares.round().to_numpy())
    said = [f"{share:.0f} of 4 of the paper's values" for share in shares]
    assert all(words in sentence for words, sentence in zip(said, summary["sentence"], strict=True))
    others = table[table["recipe"] != "magnitude-u80"]
    assert (others["percent_low"] < others["percent_high"]).all() and others["percent_inside"].notna().all()


def test_theirs_are_the_plotted_values_and_their_recovered_scores(study, values):
    table, _ = study
    row = table.query("figure == 'across-tasks-unstructured' and task == 'keyword' and level == 80").iloc[0]
    plotted = values.query("figure == 'across-tasks-unstructured' and task == 'sst2' and level == 80").iloc[0]
    count, total, dense, chance = plotted["count"], 1744, 1677, plotted["chance"]
    assert row["paper_percent"] == pytest.approx(100 * count / dense, abs=1e-4)
    assert row["paper_retention"] == pytest.approx(
        (count / total - chance) / (dense / total - chance), abs=1e-4
    )
    ratios = table.query("task == 'similarity' and figure == 'across-tasks-unstructured'")
    assert (ratios["paper_retention"] == ratios["paper_percent"] / 100).all()
    assert ratios["paper_percent_se"].isna().all(), "no count, no error"


def test_their_error_is_the_binomial_one(values):
    row = values.query("figure == 'across-tasks-unstructured' and task == 'sst2' and level == 80").iloc[0]
    rng = np.random.default_rng(0)
    score = rng.binomial(1744, row["count"] / 1744, size=200_000) / 1744
    dense = rng.binomial(1744, row["dense_score"], size=200_000) / 1744
    chance = row["chance"]
    assert row["percent_se"] == pytest.approx(np.std(100 * score / dense), rel=0.02)
    assert row["retention_se"] == pytest.approx(np.std((score - chance) / (dense - chance)), rel=0.02)


def test_differences_z_and_inside(study):
    table, _ = study
    for name in ("percent", "retention"):
        difference = table[name] - table[f"paper_{name}"]
        np.testing.assert_allclose(table[f"{name}_difference"], difference)
        inside = table[f"paper_{name}"].between(table[f"{name}_low"], table[f"{name}_high"])
        assert (table[f"{name}_inside"] == inside)[table[name].notna()].all()
        low, high = table[f"{name}_difference_low"], table[f"{name}_difference_high"]
        np.testing.assert_allclose((low + high) / 2, difference, atol=1e-9)
        assert (np.sign(table[f"{name}_z"]) == np.sign(difference))[table[f"{name}_z"].notna()].all()
        # Reach of the interval over that of one standard error is a t quantile: never below the normal one.
        quantile = (high - low) / 2 / (difference / table[f"{name}_z"]).abs()
        assert (quantile.dropna() >= 1.96 - 1e-3).all()
        uncounted = table[table[f"paper_{name}_se"].isna()]
        reach = (uncounted[f"{name}_difference_high"] - uncounted[f"{name}_difference_low"]) / 2
        alone = (uncounted[f"{name}_high"] - uncounted[f"{name}_low"]) / 2
        np.testing.assert_allclose(reach, alone, rtol=1e-6)


def test_a_dense_score_at_chance_leaves_nothing_to_compare(values):
    collapse = [("dense", "deduction", "dense", seed) for seed in (1, 2, 3)]
    table, _ = compare(values, grid(extra=()), collapse=collapse, figures=FIGURES[:1])
    lost = table[table["task"] == "deduction"]
    assert not lost["comparable"].any() and set(lost["reason"]) == {"our dense score does not exceed chance"}
    assert lost[["percent", "retention"]].isna().all(axis=None)
    assert lost["retention_inside"].isna().all()
    assert table.loc[table["task"] == "keyword", "comparable"].all()


# The summary


def test_the_summary_counts_comparable_points_only(study):
    table, _ = study
    summary = replication_summary(table)
    assert len(summary) == 2 * len(FIGURES)
    for row in summary.itertuples():
        name, factor = ("percent", 1) if row.measure == "percent of dense" else ("retention", 100)
        own = table[(table["figure"] == row.figure) & table["comparable"] & table[name].notna()]
        assert row.compared == len(own)
        if not len(own):
            assert np.isnan(row.mean_absolute_difference) and "none of" in row.sentence
            continue
        away = factor * (own[name] - own[f"paper_{name}"])
        assert row.mean_absolute_difference == pytest.approx(away.abs().mean())
        assert row.inside_share == pytest.approx(
            np.mean([low <= x <= high for low, x, high in own[_ends(name)].itertuples(index=False)])
        )
        ranks = [own[column].rank() for column in (name, f"paper_{name}")]
        assert row.rank_correlation == pytest.approx(np.corrcoef(*ranks)[0, 1])
        assert row.figure in row.sentence and row.label in row.sentence
    left = summary.set_index(["figure", "measure"])["left_out"]
    assert left["data-adequacy-unstructured", "retention"] == 10
    gem = table.query("figure == 'true-gem-tasks-unstructured' and not comparable")
    assert left["true-gem-tasks-unstructured", "retention"] == len(gem)


def _ends(name: str) -> list[str]:
    return [f"{name}_low", f"paper_{name}", f"{name}_high"]


# The figure


def test_the_overlay_shows_both_and_crosses_out_what_must_not_be_compared(study, values, tmp_path):
    table, _ = study
    drawn = spec(overlay(table, values, "true-gem-tasks-unstructured"))
    assert [panel["title"]["text"] for panel in drawn["concat"]] == [
        "SST-2; tiny-encoder",
        "CoLA; tiny-encoder",
    ]
    assert "roberta-large; tiny-encoder is another, on cut tasks." in drawn["title"]["subtitle"][0]
    shapes = [
        [layer["mark"].get("shape") for layer in panel["layer"] if layer["mark"]["type"] == "point"]
        for panel in drawn["concat"]
    ]
    assert [any(found) for found in shapes] == [False, True], "CoLA alone has a value that was typed in"
    rows = [row for rows in drawn["datasets"].values() for row in rows]
    theirs = [row for row in rows if "comparable" in row]
    assert len(theirs) == 2 * 3 * 9, "all levels of the paper's series, also where ours has none"
    assert {row["regime"] for row in theirs if not row["comparable"]} == {"regrow"}
    ours = [row for row in rows if "fail_rate" in row]
    assert len(ours) == len(table.query("figure == 'true-gem-tasks-unstructured'"))
    for suffix in (".svg", ".json"):
        save(drawn, tmp_path / f"figure{suffix}")
        assert (tmp_path / f"figure{suffix}").stat().st_size > 1000


def test_an_overlay_of_shares_has_their_colours_easy_to_hard(study, values):
    table, _ = study
    drawn = spec(overlay(table, values, "data-adequacy-nm"))
    layer = next(layer for layer in drawn["concat"][0]["layer"] if "color" in layer["encoding"])
    assert layer["encoding"]["color"]["scale"]["domain"] == ["100 %", "50 %"]


def test_an_overlay_without_runs_is_an_error(study, values):
    with pytest.raises(ValueError, match="no run of the study stands in 'translation-nm'"):
        overlay(study[0], values, "translation-nm")


# Which runs that needs

FEW = [
    {"figure": "pairs", "task": "sst2", "train_percent": "100", "regime": "sparse", "method": "magnitude"}
    | {"level": "50", "pattern": ""},
    {"figure": "nm", "task": "rte", "train_percent": "100", "regime": "sparse", "method": "magnitude"}
    | {"level": "75", "pattern": "2of8"},
]


def needed(**changes) -> list[dict]:
    config = check(user(**{"tasks__easy__paper": "sst2", **changes}), SCHEMA)
    recipes = expand_recipes(config["sweeps"])
    return replicated_runs(config, valid_runs(config), recipes, paper_points(FEW))


def test_only_runs_at_a_point_and_their_twins_are_needed():
    assert needed() == []
    runs = needed(study__replicates=["pairs"])
    keys = {(run["recipe"], run["task"], run["regime"], run["seed"]) for run in runs}
    # `hard` inherits from `easy` that it is SST-2.
    assert keys == {
        (recipe, task, regime, seed)
        for recipe, regime in (("dense", "dense"), ("magnitude-u50", "sparse"))
        for task in ("easy", "hard")
        for seed in (1, 2)
    }


def test_tasks_tell_what_they_are_cut_to():
    config = check(
        user(tasks__easy__paper="sst2", tasks__hard__train_percent=50, axes__depth__matched=False), SCHEMA
    )
    tasks = replicated_tasks(config)
    assert tasks["easy"]["train_percent"] == 100 and tasks["easy"]["cut"]
    assert tasks["hard"]["train_percent"] == 50 and tasks["hard"]["metric"] == "mcc"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"study__replicates": ["pair"]},
            "study.replicates: found 'pair'; legal: pairs, nm; did you mean 'pairs'?",
        ),
        (
            {"tasks__easy__paper": "sst3"},
            "tasks.easy.paper: found 'sst3'; legal: rte, sst2; did you mean 'sst2'?",
        ),
        ({"study__replicates": ["nm"]}, "study.replicates: found 'nm'; legal: a figure at a point of which"),
    ],
)
def test_wrong_names_are_told(changes, line):
    with pytest.raises(ValueError) as error:
        needed(**changes)
    assert line in str(error.value)

"""From files of runs on running text to tables and the figure: two checkpoints, each with tokens of its own."""

import json

import numpy as np
import pandas as pd
import pytest

from described import untrue
from junkdna.claims.study import aggregate
from junkdna.difficulty.study import measure_difficulty
from junkdna.figures.study import study_figures
from junkdna.figures.style import spec
from junkdna.files.artifacts import read_table, write_table
from junkdna.report.cautions import study_cautions
from junkdna.report.tables import cell_rows
from junkdna.tables.runs import FACTS

TASKS = {"story": {"format": "lm", "metric": "log-likelihood"}}
PRUNED = {"family": "magnitude", "method": "prune", "score": "magnitude", "selection": "global"}
RECIPES = {
    "dense": {"family": "dense", "level": 0.0, "method": "none"},
    "magnitude-u30": PRUNED | {"level": 30.0},
    "magnitude-u60": PRUNED | {"level": 60.0},
    "magnitude-2of4": PRUNED | {"family": "magnitude-nm", "level": 50.0, "selection": "nm", "group": 4},
    "rtn-w4": {"family": "rtn", "level": 75.0, "method": "quantize"},
    "rtn-w2": {"family": "rtn", "level": 87.5, "method": "quantize"},
}
# Mean log-probability of a token; the last pruned one is worse than the unigram model.
MEANS = {"dense": -2.0, "magnitude-u30": -2.5, "magnitude-u60": -7.0, "magnitude-2of4": -4.0}
MEANS |= {"rtn-w4": -2.1, "rtn-w2": -5.0}
UNIGRAM = {"large": -6.0, "small": -5.0}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Folders, keys and the drawn predictions of each run."""
    folder, draw = tmp_path_factory.mktemp("runs"), np.random.default_rng(0)
    keys, folders, drawn = [], [], []
    for checkpoint, unigram in UNIGRAM.items():
        tokens = draw.integers(20, 90, 40).astype(float)
        for recipe, mean in MEANS.items():
            regime = "dense" if recipe == "dense" else "zero-shot"
            key = {"checkpoint": checkpoint, "recipe": recipe, "task": "story", "regime": regime, "seed": 1}
            logs = mean + 0.1 * draw.normal(size=40)
            table = pd.DataFrame(
                {
                    "example_id": np.arange(40)[::-1],
                    "target": tokens,
                    "prediction": logs,
                    "correct": pd.array([None] * 40, dtype="boolean"),
                    "loss": -logs,
                    "scores": [np.array([unigram], dtype=np.float32)] * 40,
                }
            )
            described = {name: RECIPES[recipe][name] for name in ("family", "level")}
            facts = dict.fromkeys(FACTS, 0.0) | {"precision": "fp32", "device": "cpu"}
            facts |= {"validation_examples": 40, "threads": 1}
            facts |= {"min_loss": -mean, "final_loss": -mean, "prior_entropy": -unigram}
            facts |= {"effective_bits": 4.0 if recipe == "rtn-w4" else 8.0, "diverged": False}
            path = folder / str(len(keys))
            path.mkdir()
            write_table(path / "predictions.parquet", table, key)
            write_table(path / "metrics.parquet", pd.DataFrame([key | described | facts]), key)
            keys.append(key)
            folders.append(path)
            drawn.append((tokens, logs))
    return keys, folders, drawn


@pytest.fixture(scope="module")
def tables(study):
    keys, folders, _ = study
    made = aggregate(folders, expected=keys, tasks=TASKS, recipes=RECIPES, axes={}, draws=200)
    assert untrue_of(made) == []
    return made


def untrue_of(made):
    return [line for name, table in made.items() for line in untrue(name, table)]


def test_each_checkpoint_has_its_own_tokens_and_chance(study, tables):
    runs = tables["runs"]
    for row, (tokens, logs) in zip(runs.itertuples(), study[2], strict=True):
        assert row.score == pytest.approx(np.average(logs, weights=tokens), abs=1e-5)
        assert row.chance == pytest.approx(UNIGRAM[row.checkpoint])
        assert row.score_low < row.score < row.score_high
    small = runs[(runs["checkpoint"] == "small") & (runs["recipe"] == "magnitude-2of4")].iloc[0]
    assert small["retention"] == pytest.approx((5 - 4) / (5 - 2), abs=0.05)


def test_a_share_of_a_log_likelihood_means_nothing(tables):
    """It is below 0, so a share of it would have the sign of a gain where likelihood is lost."""
    drops = tables["drops"]
    assert (drops["drop"] > 0).all() and drops["relative_drop"].isna().all()


def test_worse_than_the_unigram_model_is_a_fact_and_no_failed_training(tables):
    runs = tables["runs"]
    bad = runs[runs["recipe"] == "magnitude-u60"]
    assert (bad["retention"] < 0).all() and bad["trained"].all() and (runs["outcome"] == "trained").all()
    curves = tables["curves"]
    pruned = curves[curves["family"] == "magnitude"]
    assert (pruned["regime"] == "zero-shot").all() and pruned["s50"].between(30, 60).all()


def test_text_that_diverged_has_no_likelihood(study, tmp_path):
    """A log-probability that is no number must not count as 0, the best there is: perplexity 1, retention 2."""
    keys, folders, _ = study
    path = tmp_path / "broken"
    path.mkdir()
    place = [key["recipe"] for key in keys].index("magnitude-u60")
    table = read_table(folders[place] / "predictions.parquet")
    write_table(path / "metrics.parquet", read_table(folders[place] / "metrics.parquet"), keys[place])
    write_table(path / "predictions.parquet", table.assign(prediction=np.nan, loss=np.nan), keys[place])
    where = [path if at == place else folder for at, folder in enumerate(folders)]
    made = aggregate(where, expected=keys, tasks=TASKS, recipes=RECIPES, axes={}, draws=50)
    assert untrue_of(made) == []
    run = made["runs"].iloc[place]
    assert run["outcome"] == "diverged" and np.isnan([run["score"], run["retention"], run["score_low"]]).all()
    cells = made["cells"].set_index(["checkpoint", "recipe"]).loc[("large", "magnitude-u60")]
    assert np.isnan([cells["score"], cells["retention_trained"]]).all() and cells["n_diverged"] == 1
    rows = cell_rows(made["cells"])
    at = [column["name"] for column in rows["header"]].index("perplexity")
    assert rows["rows"][made["cells"]["n_diverged"].to_numpy().argmax()][at] == "\N{EN DASH}"


def test_one_seed_is_enough_where_it_decides_nothing(tables):
    claims = tables["claims"]
    fall = claims[(claims["claim"] == "monotone") & (claims["recipes"].str.startswith("magnitude unst"))]
    assert len(fall) and (fall["verdict"] == "supported").all()
    assert not any("seed" in words for words in study_cautions(tables["runs"], claims, {}))


def test_the_table_of_the_report_says_perplexity(tables):
    made = cell_rows(tables["cells"])
    at = [column["name"] for column in made["header"]].index("perplexity")
    first = made["rows"][0][at]
    assert float(first.split()[0]) == pytest.approx(np.exp(2.0), rel=0.05)


def test_text_has_no_measure_of_difficulty_and_says_so(study, tables):
    _, folders, _ = study
    made = measure_difficulty(
        tables["runs"],
        [folder / "predictions.parquet" for folder in folders],
        human={},
        tasks=TASKS,
        axes={},
        draws=20,
    )
    assert made["difficulty"]["value"].isna().all() and "no labels" in made["difficulty"]["note"].iloc[0]
    assert made["strata"].empty


def test_the_figure_draws_perplexities_and_leaves_out_what_is_worse_than_guessing(tables):
    drawn = study_figures(tables["cells"], tables["runs"], {})
    assert list(drawn) == ["dense", "perplexity-story"]
    made = spec(drawn["perplexity-story"])
    points = [row for rows in made["datasets"].values() for row in rows if "recipe" in row]
    shown = {row["recipe"]: row["perplexity"] for row in points}
    assert set(shown) == set(MEANS) - {"dense", "magnitude-u60"}
    assert shown["magnitude-2of4"] == pytest.approx(np.exp(4.0), rel=0.1)
    assert "log" in json.dumps(made)

"""The tables of difficulty, agreement, orders and strata, from made-up runs whose truth is known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from described import untrue
from junkdna.difficulty.agreement import agreement_table, kendall, order_sentences, order_table, spearman
from junkdna.difficulty.answers import Outcomes, example_means, read_outcomes
from junkdna.difficulty.estimates import Estimate, Study, estimate_all
from junkdna.difficulty.strata import cross_fitted_strata, strata_table
from junkdna.difficulty.study import measure_difficulty
from junkdna.difficulty.tables import difficulty_table
from junkdna.files.artifacts import METADATA_KEY, read_table, write_table
from junkdna.statistics.bootstrap import Replicates, example_weights

SEEDS = (1, 2, 3)
SKILLS = {"dense": 2.0, "magnitude-u50": 1.0, "magnitude-u80": 0.0}
CLASSES = {"metric": "accuracy", "format": "classification"}
RUN = {"family": "magnitude", "selection": "unstructured", "level": 50.0, "chance": 0.5}
RUN |= {"trained": True, "outcome": "trained", "train_examples": 1000}
DENSE = {"family": "dense", "selection": "none", "level": 0.0, "regime": "dense"}


def made(task="easy", *, hardness=0.0, seeds=SEEDS, n=300, spread=1.5, nulls=(), **facts) -> Outcomes:
    """Two classes; an example is answered with log-odds skill - hardness - its own difficulty."""
    own = np.random.default_rng(7).normal(scale=spread, size=n)
    target = np.random.default_rng(8).integers(2, size=n).astype(float)
    rows, predictions, losses = [], [], []
    for recipe, skill in SKILLS.items():
        for seed in seeds:
            rng = np.random.default_rng([seed, *map(ord, task + recipe)])
            odds = skill - hardness - own + 0.5 * rng.normal(size=n)
            wrong = odds < 0
            predictions.append(np.where(wrong, 1 - target, target))
            losses.append(np.logaddexp(0, -odds))
            key = {"checkpoint": "net", "recipe": recipe, "task": task, "regime": "sparse", "seed": seed}
            rows.append(key | RUN | (DENSE if recipe == "dense" else {}))
    return Outcomes(
        checkpoint="net",
        task=task,
        runs=pd.DataFrame(rows).assign(**facts),
        example_id=np.arange(n),
        target=target,
        prediction=np.stack(predictions).astype(np.float32),
        loss=np.stack(losses),
        classes=np.full(n, 2),
        null_seeds=tuple(nulls),
        null_loss=np.full((len(nulls), n), 0.7),
    )


def study(*tasks: str, axes=None, seeds=SEEDS, human=None, confidences=None, **more) -> Study:
    entries = {task: CLASSES | {"human": task} for task in tasks}
    return Study(
        tasks=entries | more,
        axes=axes or {},
        human=human or {},
        confidences=confidences or {},
        replicates=Replicates(seeds=tuple(seeds), draws=200),
    )


def by_task(*outcomes: Outcomes) -> dict:
    return {(each.checkpoint, each.task): each for each in outcomes}


def table_of(setting: Study, *outcomes: Outcomes) -> pd.DataFrame:
    estimates = estimate_all(by_task(*outcomes), setting)
    table = difficulty_table(estimates, setting.replicates)
    lines = untrue("difficulty", table) + untrue("agreement", agreement_table(estimates, setting.replicates))
    lines += untrue("orders", order_table(estimates, setting.axes, setting.replicates))
    assert lines + untrue("strata", strata_table(by_task(*outcomes), setting)) == []
    return table.set_index(["task", "measure"])


def planted(values: dict[str, dict[str, float]], replicates: Replicates, noise=0.01) -> list[Estimate]:
    """Estimates of known values with independent noise."""
    rng = np.random.default_rng(0)
    out = []
    for measure, of_task in values.items():
        for task, value in of_task.items():
            drawn = value + noise * rng.normal(size=replicates.size)
            drawn[0] = value
            drawn[1 : 1 + len(replicates.seeds)] = value
            out.append(Estimate(checkpoint="net", task=task, measure=measure, values=drawn))
    return out


# Reading


def write(folder: Path, outcomes: Outcomes) -> list[Path]:
    paths = []
    for row, key in enumerate(outcomes.runs.to_dict("records")):
        table = pd.DataFrame(
            {
                "example_id": outcomes.example_id,
                "target": outcomes.target,
                "prediction": outcomes.prediction[row].astype(float),
                "loss": outcomes.loss[row].astype("float32"),
                "scores": [np.zeros(2, dtype="float32")] * len(outcomes.example_id),
            }
        ).sample(frac=1, random_state=row)
        path = folder / str(row) / "predictions.parquet"
        write_table(path, table, {name: key[name] for name in ("checkpoint", "recipe", "task", "seed")})
        paths.append(path)
    return paths


def test_files_come_back_in_the_order_of_their_examples(tmp_path):
    truth = made(n=50)
    paths = write(tmp_path, truth)
    read = read_outcomes(truth.runs, paths, [({"checkpoint": "net", "task": "easy", "seed": 1}, paths[0])])
    found = read["net", "easy"]
    assert (found.prediction == truth.prediction).all()
    assert found.loss == pytest.approx(truth.loss, abs=1e-6)
    assert (found.target == truth.target).all() and found.discrete
    assert found.null_seeds == (1,) and found.null_loss[0] == pytest.approx(truth.loss[0], abs=1e-6)
    assert found.seeds(found.dense()) == [1, 2, 3]


def test_files_of_other_runs_or_examples_are_refused(tmp_path):
    truth = made(n=50)
    paths = write(tmp_path, truth)
    with pytest.raises(ValueError, match="recipe is magnitude-u80 there; expected dense"):
        read_outcomes(truth.runs, [paths[-1], *paths[1:]])
    with pytest.raises(ValueError, match="found 8 files for 9 runs"):
        read_outcomes(truth.runs, paths[1:])
    fewer = write(tmp_path / "fewer", made(n=49))
    with pytest.raises(ValueError, match=r"other examples \(49\) than in .*\(50\)"):
        read_outcomes(truth.runs, [*paths[:-1], fewer[-1]])


def test_a_diverged_run_or_null_run_is_no_perfect_one(tmp_path):
    """A loss that is no number must not count as 0: V-information would turn negative, and the run into the best."""
    truth = made(n=50)
    paths = write(tmp_path, truth)
    table = read_table(paths[0])
    metadata = table.attrs[METADATA_KEY]
    table.loc[3, "loss"] = np.nan
    write_table(paths[0], table, metadata)
    key = {"checkpoint": "net", "task": "easy"}
    runs = truth.runs.assign(outcome=["diverged"] + ["trained"] * 8, trained=[False] + [True] * 8)
    found = read_outcomes(runs, paths, [(key | {"seed": 1}, paths[0]), (key | {"seed": 2}, paths[1])])
    found = found["net", "easy"]
    assert np.isnan(found.loss[0]).all() and np.isnan(found.prediction[0]).all()
    assert not found.correct[0].any() and np.isfinite(found.loss[1:]).all()
    assert found.null_seeds == (2,) and found.null_loss == pytest.approx(truth.loss[[1]], abs=1e-6)
    assert found.seeds(found.dense()) == found.seeds(found.dense(trained=False)) == [2, 3]
    alone = read_outcomes(runs, paths, [(key | {"seed": 1}, paths[0])])["net", "easy"]
    assert alone.null_seeds == () and alone.null_loss.shape == (0, 50)
    bits = table_of(study("easy"), alone).loc[("easy", "v-information")]
    assert np.isfinite(bits["value"]) and bits["note"] == "null: label prior of these examples"


def test_example_means_are_those_of_the_weighted_sample():
    replicates, values = Replicates(seeds=SEEDS, draws=20), np.random.default_rng(0).normal(size=(2, 30))
    found = example_means(values, np.arange(30), replicates, 0)
    weights = np.concatenate(list(example_weights(np.arange(30), replicates, 0)))
    assert found.shape == (2, replicates.size)
    for draw, weight in enumerate(weights):
        assert found[:, draw] == pytest.approx(np.average(values, axis=1, weights=weight))
    assert found[:, 0] == pytest.approx(values.mean(axis=1))


# The table of difficulty


def test_every_value_is_that_of_the_predictions():
    easy, hard = made("easy", nulls=(1, 2)), made("hard", hardness=1.5)
    table = table_of(study("easy", "hard", human={"easy": 90.0}), easy, hard)
    accuracy = (easy.prediction[:3] == easy.target).mean(axis=1)
    assert table.loc[("easy", "dense-error"), "value"] == pytest.approx((1 - accuracy.mean()) / 0.5, abs=1e-6)
    gap = 100 * (90 - 100 * accuracy.mean()) / 90
    assert table.loc[("easy", "human-gap"), "value"] == pytest.approx(gap, abs=1e-4)
    spread = accuracy.std(ddof=1) / accuracy.mean()
    assert table.loc[("easy", "seed-sd"), "value"] == pytest.approx(spread, rel=1e-4)
    bits = (0.7 - easy.loss[:3].mean()) / np.log(2)
    assert table.loc[("easy", "v-information"), "value"] == pytest.approx(bits)
    share = hard.target.mean()
    entropy = -(share * np.log2(share) + (1 - share) * np.log2(1 - share))
    without = entropy - hard.loss[:3].mean() / np.log(2)
    assert table.loc[("hard", "v-information"), "value"] == pytest.approx(without)
    assert table.loc[("hard", "v-information-share"), "value"] == pytest.approx(without / entropy)
    assert "label prior" in table.loc[("hard", "v-information"), "note"]
    assert "without input, 2 seeds" in table.loc[("easy", "v-information"), "note"]
    known = table[table["value"].notna()]
    assert (known["low"] < known["value"]).all() and (known["value"] < known["high"]).all()
    assert (known["n_seeds"] == 3).all() and (known["n_examples"] == 300).all()


def test_no_human_score_is_invented():
    row = table_of(study("easy"), made()).loc[("easy", "human-gap")]
    assert np.isnan(row["value"]) and row["note"] == "no human score is published"


def test_harder_tasks_are_harder_by_every_measure():
    table = table_of(study("easy", "hard"), made("easy"), made("hard", hardness=1.5)).reset_index()
    for measure in ("dense-error", "v-information", "v-information-share", "rasch"):
        easy, hard = (
            table[(table["measure"] == measure) & (table["task"] == task)].iloc[0]
            for task in ("easy", "hard")
        )
        assert easy["harder"] * (hard["value"] - easy["value"]) > 0, measure


def test_rasch_puts_tasks_on_the_scale_of_shared_runs():
    """The hard task is shifted by 1.5 on a scale whose noise has an sd of 0.5, not that of a logistic (1.8)."""
    easy, hard = made("easy"), made("hard", hardness=1.5)
    rows = (
        table_of(study("easy", "hard"), easy, hard).reset_index().set_index(["measure", "task"]).loc["rasch"]
    )
    assert rows.loc["hard", "value"] - rows.loc["easy", "value"] == pytest.approx(1.5 * 1.8 / 0.5, rel=0.25)
    assert (rows["note"] == "9 runs, dense and compressed, that trained on all 2 tasks").all()
    failed = made("hard", hardness=1.5, trained=[True] * 3 + [False] * 6)
    again = table_of(study("easy", "hard"), easy, failed)
    assert "3 runs" in again.loc[("easy", "rasch"), "note"]


def test_a_task_whose_dense_runs_failed_is_undefined():
    table = table_of(study("easy"), made(trained=[False] * 3 + [True] * 6))
    assert table["value"].isna().all()
    assert table.loc[("easy", "dense-error"), "note"] == "no dense run trained"


def test_a_single_seed_has_an_interval_over_examples_and_no_spread():
    table = table_of(study("easy", seeds=(1,)), made(seeds=(1,)))
    assert np.isnan(table.loc[("easy", "seed-sd"), "value"])
    row = table.loc[("easy", "dense-error")]
    error = 2 * np.sqrt(row["value"] / 2 * (1 - row["value"] / 2) / 300)
    assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * error, rel=0.25)


def test_regression_has_no_information_in_bits():
    n = 100
    value = made(n=n)
    prediction = np.random.default_rng(0).normal(size=(9, n)).astype(np.float32)
    runs = value.runs.assign(chance=0.0)
    outcomes = Outcomes(
        **{
            name: getattr(value, name)
            for name in ("checkpoint", "example_id", "loss", "null_seeds", "null_loss")
        },
        task="near",
        runs=runs.assign(task="near"),
        target=prediction[0] + 0.1 * np.random.default_rng(1).normal(size=n),
        prediction=prediction,
        classes=np.ones(n, dtype=int),
    )
    setting = study(near={"metric": "pearson", "format": "regression"})
    table = table_of(setting, outcomes)
    assert np.isnan(table.loc[("near", "v-information"), "value"])
    correlations = [np.corrcoef(row, outcomes.target)[0, 1] for row in prediction[:3]]
    assert table.loc[("near", "dense-error"), "value"] == pytest.approx(1 - np.mean(correlations), abs=1e-5)
    assert strata_table(by_task(outcomes), setting).empty


def test_shares_of_the_training_set_give_codelength_and_exponent():
    percents = {"easy": 100, "easy-p50": 50, "easy-p25": 25, "easy-p10": 10}
    axes = {
        "data": {
            "tasks": list(percents),
            "vary": "train_percent",
            "task": "easy",
            "values": list(percents.values()),
        }
    }
    levels = [
        made(task, hardness=1 - percent / 100, train_examples=10 * percent)
        for task, percent in percents.items()
    ]
    table = table_of(study(*percents, axes=axes), *levels)
    losses = [level.loss[:3].mean() / np.log(2) for level in levels]
    bits = (100 * 1 + 150 * losses[3] + 250 * losses[2] + 500 * losses[1]) / 1000
    assert table.loc[("easy", "codelength"), "value"] == pytest.approx(bits)
    assert table.loc[("easy", "codelength"), "note"] == "sizes 100, 250, 500, 1,000"
    assert 0 < table.loc[("easy", "learning-exponent"), "value"] < 3
    assert ("easy-p50", "codelength") not in table.index


def test_confidences_of_the_dense_runs_are_mapped():
    rows = [(i, epoch, 0.1 * i + 0.2 * epoch) for i in range(5) for epoch in range(3)]
    traced = pd.DataFrame(rows, columns=["example_id", "epoch", "confidence"])
    table = table_of(study("easy", confidences={("net", "easy"): {1: traced, 3: traced}}), made())
    assert table.loc[("easy", "confidence"), "value"] == pytest.approx(0.4)
    assert table.loc[("easy", "variability"), "value"] == pytest.approx(0.2 * np.sqrt(2 / 3))
    assert table.loc[("easy", "confidence"), ["n_seeds", "n_examples"]].tolist() == [2, 5]


# Agreement and orders


def test_rank_correlations_are_those_of_scipy_also_with_ties():
    rng = np.random.default_rng(0)
    left, right = rng.integers(5, size=(2, 6, 50)).astype(float)
    right[:, 7] = 1.0
    rho, tau = spearman(left, right), kendall(left, right)
    assert np.isnan([rho[7], tau[7]]).all()
    for draw in set(range(50)) - {7}:
        assert rho[draw] == pytest.approx(stats.spearmanr(left[:, draw], right[:, draw])[0])
        assert tau[draw] == pytest.approx(stats.kendalltau(left[:, draw], right[:, draw])[0])


def test_agreement_turns_measures_so_that_larger_is_harder():
    replicates = Replicates(seeds=SEEDS, draws=200)
    errors = {"a": 0.1, "b": 0.2, "c": 0.4, "d-x2": 0.0}
    values = {"dense-error": errors, "v-information": {task: 1 - error for task, error in errors.items()}}
    row = agreement_table(planted(values, replicates), replicates, without=["d-x2"]).iloc[0]
    assert (row["left"], row["right"], row["n_tasks"]) == ("dense-error", "v-information", 3)
    assert row[["spearman", "kendall", "spearman_low"]].tolist() == pytest.approx([1, 1, 1])
    assert row["note"] == "a perfect order of 3 tasks has p = 0.17"
    two = {name: {task: of[task] for task in "ab"} for name, of in values.items()}
    assert agreement_table(planted(two, replicates), replicates).empty


def test_orders_agree_contradict_or_stay_undecided():
    replicates = Replicates(seeds=SEEDS, draws=200)
    axes = {
        "sst2-cola": {"tasks": ["sst2", "cola"]},
        "longer": {"tasks": ["sst2", "rte", "cola"]},
        "more": {"tasks": ["rte", "rte-x2"], "vary": "budget", "task": "rte"},
    }
    gaps = {"sst2": 1.68, "cola": -2.41, "rte": 1.68, "rte-x2": 1.0}
    errors = {"sst2": 0.08, "cola": 0.32, "rte": 0.2}
    estimates = planted({"human-gap": gaps, "dense-error": errors}, replicates)
    orders = order_table(estimates, axes, replicates).set_index(["axis", "measure"])
    assert orders["verdict"].to_dict() == {
        ("sst2-cola", "dense-error"): "agrees",
        ("sst2-cola", "human-gap"): "contradicts",
        ("longer", "dense-error"): "agrees",
        ("longer", "human-gap"): "contradicts",
    }
    row = orders.loc[("sst2-cola", "human-gap")]
    assert row["difference"] == pytest.approx(-4.09) and row["share"] == 0
    assert row["implied"] == "cola < sst2"
    assert orders.loc[("longer", "human-gap"), "wrong"].startswith("rte is harder than cola by 4.09 [")
    tied = order_table(planted({"human-gap": {"sst2": 1.0, "cola": 1.001}}, replicates), axes, replicates)
    assert tied.set_index("axis")["verdict"].to_dict() == {"sst2-cola": "undecided", "longer": "undecided"}
    assert 0.3 < tied["share"].iloc[0] < 0.8
    said = order_sentences(orders.reset_index())
    assert len(said) == 2
    assert said[0].startswith(
        "By human-gap, net contradicts the order of the axis sst2-cola, sst2 < cola (easy to hard): "
        "sst2 is harder than cola by 4.09 ["
    )


# Strata


def test_strata_are_thirds_by_the_information_of_other_seeds():
    information = {1: np.array([5, 4, 3, 2, 1, 0.0]), 2: np.arange(6.0), 3: np.arange(6.0)}
    strata = cross_fitted_strata(information)
    assert strata[1].tolist() == [2, 2, 1, 1, 0, 0]
    # Seeds 1 and 3 sum to a constant: all tied, cut in the order of the examples.
    assert strata[2].tolist() == [0, 0, 1, 1, 2, 2]
    with pytest.raises(ValueError, match="found 1 dense seeds"):
        cross_fitted_strata({1: np.arange(6.0)})


def test_a_cell_of_the_strata_by_hand():
    outcomes = made(nulls=SEEDS)
    table = strata_table(by_task(outcomes), study("easy"))
    assert table["recipe"].unique().tolist() == ["magnitude-u50", "magnitude-u80"]
    row = table[(table["recipe"] == "magnitude-u50") & (table["stratum"] == "hard")].iloc[0]
    drops, rises = [], []
    for index, seed in enumerate(SEEDS):
        others = [other for other in range(3) if SEEDS[other] != seed]
        bits = ((0.7 - outcomes.loss[others]) / np.log(2)).mean(axis=0)
        hard = np.argsort(-bits, kind="stable")[200:]
        correct = outcomes.prediction == outcomes.target
        drops.append(correct[index, hard].mean() - correct[3 + index, hard].mean())
        rises.append(outcomes.loss[3 + index, hard].mean() - outcomes.loss[index, hard].mean())
    assert row["drop"] == pytest.approx(np.mean(drops), abs=1e-6)
    assert row["loss_rise"] == pytest.approx(np.mean(rises), abs=1e-5)
    assert row["drop_low"] < row["drop"] < row["drop_high"]
    assert row["n_examples"] == 100
    cell = table[table["recipe"] == "magnitude-u50"].set_index("stratum")
    assert cell.loc["hard - easy", "drop"] == pytest.approx(
        cell.loc["hard", "drop"] - cell.loc["easy", "drop"]
    )
    middle = cell.loc["middle", "loss_rise"] - cell.loc["easy", "loss_rise"]
    assert cell.loc["middle - easy", "loss_rise"] == pytest.approx(middle)
    assert cell["n_examples"].tolist() == [100, 100, 100, 200, 200]
    assert cell.loc["easy", "note"] == "dense near the ceiling"


def test_cross_fitting_does_not_regress_to_the_mean():
    """Where no example is harder than another, the held-out dense run must be as good in every stratum."""
    outcomes = made(n=3000, spread=0.0, hardness=1.9)
    table = strata_table(by_task(outcomes), study("easy")).set_index(["recipe", "stratum"])
    gap = table.loc[("magnitude-u50", "hard - easy")]
    assert gap["dense_accuracy"] == pytest.approx(0, abs=0.05)
    assert gap["drop_low"] < 0 < gap["drop_high"]
    correct, bits = outcomes.prediction[0] == outcomes.target, -outcomes.loss[0]
    own = np.argsort(-bits)
    assert correct[own[2000:]].mean() - correct[own[:1000]].mean() < -0.5


def test_a_stratum_that_the_dense_run_gets_wrong_is_marked():
    table = strata_table(by_task(made(hardness=2.0)), study("easy")).set_index(["recipe", "stratum"])
    for stratum in ("hard", "hard - easy"):
        row = table.loc[("magnitude-u80", stratum)]
        assert row["note"].startswith("dense not above chance")
    assert table.loc[("magnitude-u80", "middle - easy"), "note"] == ""


def test_runs_that_failed_or_lost_their_twin_have_no_strata():
    state = [True, True, False] + [True, False, True] + [False] * 3
    table = strata_table(by_task(made(trained=state)), study("easy"))
    assert table["recipe"].unique().tolist() == ["magnitude-u50"]
    assert (table["n_seeds"] == 1).all()
    alone = strata_table(by_task(made(seeds=(1,))), study("easy", seeds=(1,)))
    assert alone.empty and "drop_low" in alone


def test_one_call_gives_all_tables(tmp_path):
    easy, hard = made("easy", n=90), made("hard", hardness=1.0, n=90)
    paths = [*write(tmp_path / "easy", easy), *write(tmp_path / "hard", hard)]
    key = {"checkpoint": "net", "task": "easy", "seed": 1}
    rows = [(i, epoch, 0.5) for i in range(5) for epoch in range(2)]
    traced = pd.DataFrame(rows, columns=["example_id", "epoch", "confidence"])
    write_table(tmp_path / "confidences.parquet", traced)
    tables = measure_difficulty(
        pd.concat([easy.runs, hard.runs], ignore_index=True),
        paths,
        nulls=[(key, paths[0])],
        confidences=[(key, tmp_path / "confidences.parquet")],
        human={"easy": 97.0},
        tasks={"easy": CLASSES | {"human": "easy"}, "hard": CLASSES},
        axes={"pair": {"tasks": ["easy", "hard"]}},
        draws=50,
    )
    assert {name: len(table) for name, table in tables.items()} == {
        "difficulty": 14,
        "agreement": 0,
        "orders": 5,
        "strata": 20,
    }
    assert [line for name, table in tables.items() for line in untrue(name, table)] == []
    assert set(tables["orders"]["measure"]) == {
        "dense-error",
        "v-information",
        "v-information-share",
        "rasch",
        "seed-sd",
    }
    values = tables["difficulty"].set_index(["task", "measure"])["value"]
    assert values["easy", "confidence"] == 0.5
    # Taken as the run without input: the first dense run itself, so what is left is the spread of the seeds.
    bits = (easy.loss[0].mean() - easy.loss[:3].mean()) / np.log(2)
    assert values["easy", "v-information"] == pytest.approx(bits, abs=1e-6)

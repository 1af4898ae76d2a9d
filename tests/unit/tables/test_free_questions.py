"""From runs on free questions to retention: what is left where the question no longer matters."""

import numpy as np
import pandas as pd
import pytest

from described import untrue
from junkdna.claims.study import aggregate
from junkdna.files.artifacts import write_table
from junkdna.tables.runs import FACTS

PRUNED = {"family": "magnitude", "method": "prune", "score": "magnitude", "selection": "global"}
RECIPES = {"dense": {"family": "dense", "level": 0.0, "method": "none"}}
RECIPES |= {f"magnitude-u{level}": PRUNED | {"level": float(level)} for level in (30, 60, 90)}
TASKS = {
    "likely": {"format": "generate", "metric": "gold-likelihood"},
    "written": {"format": "generate", "metric": "exact-match"},
    "chosen": {"format": "choice", "metric": "accuracy"},
}
TOWNS, COUNT = 8, 400
# Share of the questions whose answer is known; the others are answered as if nothing had been asked.
KNOWN = {"dense": 0.9, "magnitude-u30": 0.7, "magnitude-u60": 0.4, "magnitude-u90": 0.0}


def answers(task, known, draw):
    """What a model says that knows so many answers, and always says town 0 where it knows none."""
    gold = draw.integers(TOWNS, size=COUNT)
    if task == "chosen":
        said = np.where(draw.random(COUNT) < known, gold, 0)
        scores = [np.log(np.full(TOWNS, 1 / TOWNS))] * COUNT
        target, prediction = gold.astype(float), said.astype(float)
        return {"target": target, "prediction": prediction, "scores": scores}
    sure = draw.random(COUNT) < known
    said = np.where(sure, gold, 0)
    if task == "written":
        prediction, chance = (said == gold).astype(float), (np.roll(said, 1) == gold).astype(float)
    else:
        # It finds its own answer likely by .9, and each other one by as much as is left.
        def likely(of):
            return np.where(of == gold, 0.9, 0.1 / (TOWNS - 1))

        prediction, chance = likely(said), likely(np.roll(said, 1))
    scores = [np.array([value]) for value in np.log(np.maximum(prediction, 1e-3))]
    return {"target": np.ones(COUNT), "prediction": prediction, "scores": scores, "by_chance": chance}


def study(folder, known=KNOWN):
    keys, folders = [], []
    for task in TASKS:
        for recipe, share in known.items():
            regime = "dense" if recipe == "dense" else "zero-shot"
            key = {"checkpoint": "tiny", "recipe": recipe, "task": task, "regime": regime, "seed": 1}
            # The same questions and the same towns for every recipe.
            made = answers(task, share, np.random.default_rng(5))
            extra = {name: made.pop(name) for name in ("scores", "by_chance") if name in made}
            table = pd.DataFrame({"example_id": np.arange(COUNT), **made})
            table["correct"] = pd.array(table["prediction"] == table["target"], dtype="boolean")
            table = table.assign(loss=1.0, **extra)
            described = {name: RECIPES[recipe][name] for name in ("family", "level")}
            facts = dict.fromkeys(FACTS, 0.0) | {"precision": "fp32", "device": "cpu", "diverged": False}
            facts |= {"validation_examples": COUNT, "threads": 1, "effective_bits": 16.0}
            path = folder / str(len(keys))
            path.mkdir()
            write_table(path / "predictions.parquet", table, key)
            write_table(path / "metrics.parquet", pd.DataFrame([key | described | facts]), key)
            keys.append(key)
            folders.append(path)
    axes = {"format": {"tasks": list(TASKS)[::-1]}, "options-and-text": {"tasks": ["chosen", "written"]}}
    return aggregate(folders, expected=keys, tasks=TASKS, recipes=RECIPES, axes=axes, draws=200)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    made = study(tmp_path_factory.mktemp("runs"))
    assert [line for name, table in made.items() for line in untrue(name, table)] == []
    return made


def test_chance_is_what_the_answer_to_another_question_scores(tables):
    runs = tables["runs"].set_index(["task", "recipe"])
    for task in ("likely", "written"):
        gone = runs.loc[(task, "magnitude-u90")]
        assert gone["chance"] == pytest.approx(1 / TOWNS, abs=0.06) and gone["chance"] > 0.05
        assert abs(gone["score"] - gone["chance"]) < 0.03


def test_retention_is_the_share_of_answers_that_is_still_known(tables):
    """However the answer is given; one who says one town throughout is right now and then, and has kept nothing."""
    runs = tables["runs"]
    for row in runs[runs["recipe"] != "dense"].itertuples():
        assert row.retention == pytest.approx(KNOWN[row.recipe] / KNOWN["dense"], abs=0.08), row.task


def test_who_never_knew_has_nothing_to_retain(tmp_path):
    runs = study(tmp_path, dict.fromkeys(KNOWN, 0.0))["runs"]
    assert not runs["measurable"].any() and runs["retention"].isna().all()


def test_claims_say_that_the_metrics_differ(tables):
    claims = tables["claims"].set_index("claim")
    single = claims[claims["scope"] == "cell"]
    along = single.loc[single.index == "harder-falls-further"].set_index("subject")["sentence"]
    assert "scored by exact-match and gold-likelihood" not in along["options-and-text"]
    assert "scored by accuracy and exact-match" in along["options-and-text"]
    falls = single.loc[single.index == "difficulty-order"].set_index("subject")["sentence"]
    assert "scored by accuracy, exact-match and gold-likelihood" in falls["format"]
    assert not single.loc[single.index == "monotone", "sentence"].str.contains("scored by").any()


def test_equal_tasks_do_not_differ_along_the_axis(tables):
    """All three know the same share of answers, so no way to ask may seem to lose more."""
    claims = tables["claims"]
    own = claims[(claims["claim"] == "harder-falls-further") & (claims["scope"] == "cell")]
    assert len(own) and (own["low"] < 0.02).all() and (own["verdict"] != "supported").all()

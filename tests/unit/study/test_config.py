"""The schema, the shipped configs, the message for each kind of mistake, and the manual of the keys."""

import csv
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from configs import SCHEMA, lines, user
from junkdna.study import specs
from junkdna.study.check import check
from junkdna.study.check_entries import COLUMNS, METRICS
from junkdna.study.recipes import expand_recipes
from junkdna.study.regimes import REGIMES
from junkdna.study.runs import SLUG, training_of, valid_runs
from junkdna.study.tasks import ASK_KEYS, DATA_KEYS, merge, study_tasks

ROOT = Path(__file__).parents[3]
CATALOG: dict[str, Any] = {}
for file in sorted((ROOT / "config/catalog").glob("*.yaml")):
    CATALOG |= yaml.safe_load(file.read_text())
STUDIES = sorted(path.name for path in (ROOT / "config").glob("*.yaml"))
with (ROOT / "resources/reference/human.csv").open(newline="") as handle:
    HUMAN_ROWS = list(csv.DictReader(handle))
HUMAN = {row["slug"]: row["metric"] for row in HUMAN_ROWS}


def shipped(name: str) -> dict:
    return merge(deepcopy(CATALOG), yaml.safe_load((ROOT / "config" / name).read_text()))


# Shipped configs


@pytest.mark.parametrize("name", STUDIES)
def test_every_shipped_config_is_right_and_gives_each_cell_its_dense_twin(name):
    config = check(shipped(name), SCHEMA, HUMAN)
    runs = [tuple(run.items()) for run in valid_runs(config)]
    assert len(set(runs)) == len(runs) > 0
    for run in valid_runs(config):
        assert tuple((run | {"recipe": "dense", "regime": "dense"}).items()) in runs
    for checkpoint in config["study"]["checkpoints"]:
        for task in study_tasks(config):
            specs.TrainSpec.from_mapping(training_of(config, checkpoint, task))


def test_the_shipped_configs_are_those_of_the_manual():
    assert {"config.yaml", "glue-small.yaml", "paper.yaml"} <= set(STUDIES)


def test_the_default_study_has_five_levels_three_patterns_three_seeds_and_the_controls():
    config = check(shipped("config.yaml"), SCHEMA)
    study, runs = config["study"], valid_runs(config)
    recipes = expand_recipes(config["sweeps"])
    sparse = {run["recipe"] for run in runs if run["regime"] == "sparse"}
    sparse = [slug for slug in sparse if recipes[slug]["score"] == "magnitude"]
    assert len(study["seeds"]) == 3 and len(study_tasks(config)) >= 4
    assert len([slug for slug in sparse if recipes[slug]["selection"] != "nm"]) == 5
    assert len([slug for slug in sparse if recipes[slug]["selection"] == "nm"]) == 3
    assert {run["regime"] for run in runs} == {
        *("dense", "sparse", "freeze", "regrow", "reinit", "scratch", "qat")
    }
    assert {"wanda-u50", "rtn-w4", "rtn-w3", "rtn-w2"} <= {run["recipe"] for run in runs}
    assert 240 <= len(runs) <= 260
    sources = [config["checkpoints"][name]["source"] for name in study["checkpoints"]]
    sources += [config["tasks"][name]["source"] for name in study_tasks(config)]
    assert all("pretrain" in source or "generate" in source for source in sources), "needs no network"


def test_the_small_glue_study_has_the_runs_that_its_blocks_say():
    runs = valid_runs(check(shipped("glue-small.yaml"), SCHEMA))
    by_regime = {regime: sum(run["regime"] == regime for run in runs) for regime in REGIMES}
    none = dict.fromkeys(REGIMES, 0)
    # Two tasks and three seeds; frozen and regrown weights on one of the tasks.
    assert by_regime == none | {"dense": 6, "sparse": 18, "freeze": 3, "regrow": 3, "qat": 12}


def test_the_study_of_the_paper_has_its_models_levels_and_hyperparameters():
    config = check(shipped("paper.yaml"), SCHEMA, HUMAN)
    runs, recipes = valid_runs(config), expand_recipes(config["sweeps"])
    assert config["study"]["seeds"] == [41, 42, 43]
    levels = [recipe["level"] for recipe in recipes.values() if recipe["family"] == "paper"]
    assert levels == [10, 20, 30, 40, 50, 60, 70, 80, 90]
    kept = [
        (recipe["keep"], recipe["group"]) for recipe in recipes.values() if recipe["family"] == "paper-nm"
    ]
    assert kept == [(n, 8) for n in range(7, 0, -1)]
    counts = {
        (checkpoint, regime): sum((run["checkpoint"], run["regime"]) == (checkpoint, regime) for run in runs)
        for checkpoint in config["study"]["checkpoints"]
        for regime in ("dense", "sparse", "freeze", "regrow")
    }
    # Tasks x levels x seeds: five shares of three tasks, and two tasks at three shares; then the pairs and MNLI.
    base = [15 * 3, 15 * 16 * 3, 6 * 16 * 3, 6 * 16 * 3]
    large = [9 * 3, 9 * 16 * 3, 6 * 16 * 3, 6 * 16 * 3]
    assert list(counts.values()) == base + large and sum(counts.values()) == len(runs)
    for checkpoint, batch, longest in (("roberta-base", 32, 128), ("roberta-large", 16, 512)):
        for task in {run["task"] for run in runs if run["checkpoint"] == checkpoint}:
            spec = specs.TrainSpec.from_mapping(training_of(config, checkpoint, task))
            assert (spec.learning_rate, spec.epochs, spec.warmup, spec.precision) == (2e-5, 3, 0.06, "fp32")
            assert (spec.batch_size, spec.clip, spec.weight_decay, spec.max_steps) == (batch, 0, 0, 0)
            assert config["tasks"][task]["max_length"] == longest
    for task in ("qnli", "sst2", "mnli"):
        made = config["axes"][f"data-adequacy-{task}"]["tasks"]
        shares = [config["tasks"][slug].get("train_percent", 100) for slug in made]
        assert shares == [100, 70, 50, 25, 10]
        assert {config["tasks"][slug]["subset"] for slug in made} == {"first"}
        assert {config["tasks"][slug]["paper"] for slug in made} == {task}


@pytest.mark.parametrize("name", STUDIES)
def test_snakemake_validates_the_same_configs(name):
    from snakemake.utils import validate

    config = shipped(name)
    validate(config, str(ROOT / "workflow/schemas/config.schema.yaml"))  # fills in defaults, in place
    assert check(config, SCHEMA) == check(shipped(name), SCHEMA)


def test_every_hub_source_is_pinned_to_a_full_commit():
    config = check(shipped("glue-small.yaml"), SCHEMA)
    for section in ("checkpoints", "tasks"):
        for name, entry in config[section].items():
            if "hub" in entry["source"]:
                assert re.fullmatch(r"[0-9a-f]{40}", entry["source"]["revision"]), f"{section}.{name}"


def test_human_scores_have_a_source_or_are_undefined():
    assert len(HUMAN) == len(HUMAN_ROWS)
    for row in HUMAN_ROWS:
        assert (row["score"] == "") == (row["source"] == ""), row
        assert row["score"] == "" or 0 < float(row["score"]) <= 100
        assert row["source"] or row["note"].startswith("none published")


# What a checked config looks like


def test_checking_fills_in_defaults_bases_and_number_types():
    config = check(user(training__clip=1, training__epochs=2.0, study__seeds=[1.0, 2]), SCHEMA)
    assert config["training"]["clip"] == 1.0 and type(config["training"]["clip"]) is float
    assert type(config["training"]["epochs"]) is int
    assert [type(seed) for seed in config["study"]["seeds"]] == [int, int]
    assert config["training"] == dict(sorted(config["training"].items()))
    assert set(config["training"]) == set(specs.TrainSpec.__dataclass_fields__)
    hard = config["tasks"]["hard"]
    assert "base" not in hard and list(hard) == sorted(hard)
    assert hard["columns"] == {"label": "label", "text": "text", "text_pair": "second"}
    assert (hard["max_length"], hard["subset_seed"], hard["train_examples"]) == (128, 0, 100)
    assert config["sweeps"]["magnitude"]["selection"] == "global"
    assert config["study"]["tasks"] == []


def test_an_int_and_its_float_give_equal_params():
    first = check(user(training={"warmup": 0, "epochs": 3.0}, sweeps__magnitude__sparsity=[50]), SCHEMA)
    second = check(user(training={"warmup": 0.0, "epochs": 3}, sweeps__magnitude__sparsity=[50.0]), SCHEMA)
    assert repr(first) == repr(second)


def test_a_checked_config_is_a_fixed_point_and_the_input_stays():
    given = user()
    before = deepcopy(given)
    config = check(given, SCHEMA)
    assert given == before
    assert repr(check(config, SCHEMA)) == repr(config)


def test_order_of_keys_does_not_matter_and_hub_splits_get_their_names():
    config = shipped("glue-small.yaml")
    turned = {
        **config,
        "tasks": {name: dict(reversed(task.items())) for name, task in config["tasks"].items()},
    }
    assert repr(check(turned, SCHEMA)) == repr(check(config, SCHEMA))
    tasks = check(config, SCHEMA)["tasks"]
    assert tasks["rte"]["splits"] == {"train": "train", "validation": "validation"}
    assert tasks["mnli"]["splits"] == {"train": "train", "validation": "validation_mismatched"}


# Mistakes: each gives one line

METRIC_LINE = (
    "tasks.easy.metric: found 'acuracy'; legal: accuracy, mcc, f1, pearson, spearman, expected-accuracy, exact-match, "
    "token-f1, number, gold-likelihood, log-likelihood"
)
PERCENT = "legal: percent of the weights removed, from 1 to 99.9 with at most one decimal"
A_SLUG = "legal: a slug (words of a-z and 0-9 joined by single hyphens)"
MISTAKES = {
    "value": ({"tasks__easy__metric": "acuracy"}, f"{METRIC_LINE}; did you mean 'accuracy'?"),
    "key": (
        {"training__learning_rat": 0.1},
        "training: found key 'learning_rat'; legal: learning_rate, epochs, max_steps, batch_size, "
        "accumulation, warmup, weight_decay, clip, precision, bucket, save_minutes, gradual_end, "
        "gradual_every, lora_rank, lora_alpha, lora_dropout; did you mean 'learning_rate'?",
    ),
    "section": (
        {"sweep": {}},
        "config: found key 'sweep'; legal: study, plan, calibration, sweeps, training, checkpoints, tasks, axes; "
        "did you mean 'sweeps'?",
    ),
    "missing": (
        {"study__seeds": ...},
        "study.seeds: missing; needed: One run per seed; it decides the new head, the order of the batches "
        "and dropout.",
    ),
    "nothing": ({"study__runs": None}, "study.runs: found nothing; legal: a list"),
    "type": (
        {"training__epochs": "many"},
        "training.epochs: found 'many' (text); legal: a whole number >= 1 and <= 10000",
    ),
    "fraction": (
        {"training__epochs": 2.5},
        "training.epochs: found 2.5 (a number); legal: a whole number >= 1 and <= 10000",
    ),
    "bound": (
        {"training__warmup": 6},
        "training.warmup: found 6.0 (a number); legal: a number >= 0 and <= 1",
    ),
    "exponent": (
        {"training__learning_rate": "1e-5"},
        "training.learning_rate: found '1e-5' (text); legal: a number > 0 and <= 1; "
        "YAML reads 1e-5 as text: write 1.0e-5",
    ),
    "truth": (
        {"tasks__easy__labels": [False, "good"]},
        "tasks.easy.labels[0]: found False (a truth value); legal: text; "
        "YAML reads yes, no, on and off as truth values: quote it",
    ),
    "number for text": (
        {"checkpoints__mine__source__revision": 1234567},
        "checkpoints.mine.source.revision: found 1234567 (a number); legal: text; quote it",
    ),
    "key that is no text": (
        {"tasks__easy__labels": {5: 1}},
        "tasks.easy.labels: found the key 5, which is no text; legal: text, quote it",
    ),
    "scalar for a list": (
        {"study__seeds": 3},
        "study.seeds: found 3 (a number); legal: a list; did you mean [3]?",
    ),
    "slug": ({"study__name": "My_Study"}, f"study.name: found 'My_Study' (text); {A_SLUG}"),
    "slug of an entry": (
        {"sweeps__My_Sweep": {"score": "random", "sparsity": [50]}},
        f"sweeps: found name 'My_Sweep'; {A_SLUG}; did you mean 'my-sweep'?",
    ),
    "2 of 0": (
        {"sweeps__magnitude__keep": ["2of0"]},
        "sweeps.magnitude.keep[0]: found '2of0' (text); legal: NofM with 0 < N < M <= 32, such as 2of8",
    ),
    "8 of 2": (
        {"sweeps__magnitude__keep": ["8of2"]},
        "sweeps.magnitude.keep: found '8of2'; legal: NofM with 0 < N < M <= 32, such as 2of8",
    ),
    "2:8, which YAML reads in base 60": (
        {"sweeps__magnitude__keep": [128]},
        "sweeps.magnitude.keep[0]: found 128 (a number); legal: NofM with 0 < N < M <= 32, such as 2of8; "
        "quote it",
    ),
    "nothing pruned": (
        {"sweeps__magnitude__sparsity": [0]},
        f"sweeps.magnitude.sparsity[0]: found 0.0 (a number); {PERCENT}",
    ),
    "all pruned": (
        {"sweeps__magnitude__sparsity": [100]},
        f"sweeps.magnitude.sparsity[0]: found 100.0 (a number); {PERCENT}",
    ),
    "more than all pruned": (
        {"sweeps__magnitude__sparsity": [50, 120]},
        f"sweeps.magnitude.sparsity[1]: found 120.0 (a number); {PERCENT}",
    ),
    "share for percent": (
        {"sweeps__magnitude__sparsity": [0.5]},
        f"sweeps.magnitude.sparsity[0]: found 0.5 (a number); {PERCENT}; did you mean 50?",
    ),
    "percent sign": (
        {"sweeps__magnitude__sparsity": ["50%"]},
        f"sweeps.magnitude.sparsity[0]: found '50%' (text); {PERCENT}; did you mean 50?",
    ),
    "two decimals": (
        {"sweeps__magnitude__sparsity": [33.33]},
        f"sweeps.magnitude.sparsity: found 33.33; {PERCENT}",
    ),
    "level twice": (
        {"sweeps__magnitude__sparsity": [50, 50.0]},
        "sweeps.magnitude.sparsity: found 50 2 times; legal: each once",
    ),
    "no level": (
        {"sweeps__magnitude": {"score": "magnitude"}},
        "sweeps.magnitude: found no level; legal: a list of levels under sparsity, keep, or both",
    ),
    "seed twice": ({"study__seeds": [1, 2, 1]}, "study.seeds: found 1 2 times; legal: each once"),
    "no seed": ({"study__seeds": []}, "study.seeds: found 0 entries; legal: at least 1"),
    "checkpoint": (
        {"study__checkpoints": ["mime"]},
        "study.checkpoints: found 'mime'; legal: mine; did you mean 'mine'?",
    ),
    "task on an axis": (
        {"axes__depth__tasks": ["easy", "hrad"]},
        "axes.depth.tasks: found 'hrad'; legal: easy, hard; did you mean 'hard'?",
    ),
    "task of a block": (
        {"study__runs__0__tasks": ["eazy"]},
        "study.runs[0].tasks: found 'eazy'; legal: easy, hard; did you mean 'easy'?",
    ),
    "seed of a block": ({"study__runs__0__seeds": [2, 5]}, "study.runs[0].seeds: found 5; legal: 1, 2"),
    "recipe": (
        {"study__runs__0__recipes": ["magnitude-u55"]},
        "study.runs[0].recipes: found 'magnitude-u55'; legal: magnitude-u50, magnitude-u70-5, "
        "magnitude-2of8; did you mean 'magnitude-u50'?",
    ),
    "regime": (
        {"study__runs__0__regimes": ["sparce"]},
        "study.runs[0].regimes[0]: found 'sparce'; legal: zero-shot, dense, sparse, freeze, regrow, gradual, "
        "reinit, scratch, qat, qlora; did you mean 'sparse'?",
    ),
    "regime that does not fit": (
        {"study__runs__0__regimes": ["gradual"]},
        "study.runs[0].regimes: found 'gradual' with recipe magnitude-2of8; legal: zero-shot, sparse, freeze, regrow, "
        "reinit",
    ),
    "base": (
        {"tasks__hard__base": "eassy"},
        "tasks.hard.base: found 'eassy'; legal: easy; did you mean 'easy'?",
    ),
    "base of itself": (
        {"tasks__hard__base": "hard"},
        "tasks.hard.base: found a circle, hard -> hard; legal: a base that ends somewhere",
    ),
    "no label column": (
        {"tasks__hard__columns__label": "label", "tasks__easy__columns": {"text": "text"}},
        "tasks.easy.columns.label: missing; legal: the name of the column "
        "(format classification needs text, label)",
    ),
    "column of another format": (
        {"tasks__hard__columns__options": "o"},
        "tasks.hard.columns: found 'options'; legal: text, text_pair, label (format pair)",
    ),
    "no labels": (
        {"tasks__easy__labels": ...},
        "tasks.easy.labels: missing; legal: the names of the classes in the order of their numbers",
    ),
    "metric of another format": (
        {"tasks__hard__metric": "pearson"},
        "tasks.hard.metric: found 'pearson'; legal: accuracy, mcc, f1 (format pair)",
    ),
    "file format": (
        {"tasks__easy__source__path__train": "t.xlsx"},
        "tasks.easy.source.path.train: found 't.xlsx'; legal: a .parquet, .csv, .tsv, .jsonl file",
    ),
    "no file": (
        {"tasks__easy__source__path": {"train": "t.csv"}},
        "tasks.easy.source.path.validation: missing; path needs train, validation",
    ),
    "splits of files": (
        {"tasks__easy__splits": {"validation": "dev"}},
        "tasks.easy.splits: found beside path; legal: beside hub only",
    ),
    "two sources": (
        {"checkpoints__mine__source__path": "here"},
        "checkpoints.mine.source: found hub and path; legal: exactly one of hub, path, pretrain, logs",
    ),
    "no revision": (
        {"checkpoints__mine__source__revision": ...},
        "checkpoints.mine.source.revision: missing; legal: a commit of me/mine (or main)",
    ),
    "unmatched sizes": (
        {"tasks__hard__train_examples": 50},
        "axes.depth.matched: found train_examples easy 100, hard 50; legal: the same number on every task",
    ),
    "unmatched steps": (
        {"tasks__hard__training": {"epochs": 4}},
        "axes.depth.matched: found epochs easy 2, hard 4 on mine; legal: the same on every task",
    ),
    "human score in another metric": (
        {"tasks__easy__human": "cola", "tasks__hard__human": "cola"},
        "tasks.easy.human: found a score in mcc; legal: one in accuracy",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_gives_its_one_line(mistake):
    changes, expected = MISTAKES[mistake]
    told = lines(user(**changes), HUMAN)
    assert told[0] == expected and (len(told) == 1 or mistake == "key that is no text"), told


def test_all_mistakes_are_told_at_once():
    told = lines(
        user(
            tasks__easy__metric="acuracy",
            study__checkpoints=["mime"],
            training__epochs=0,
            tasks__hard__format=3,
        )
    )
    starts = ("training.epochs", "tasks.easy.metric", "tasks.hard.format", "study.checkpoints")
    assert {line.split(":")[0] for line in told} == set(starts)


def test_what_is_wrong_in_a_base_is_told_once():
    config = user(tasks__easy__source={"hub": "a/b"}, tasks__hard2={"base": "hard"})
    assert lines(config) == ["tasks.easy.source.revision: missing; legal: a commit of a/b (or main)"]


def test_a_human_score_must_exist():
    told = lines(user(tasks__easy__human="rtee"), HUMAN)
    assert told[0].startswith("tasks.easy.human: found 'rtee'; legal: ") and told[0].endswith(
        "did you mean 'rte'?"
    )


@pytest.mark.parametrize(
    "junk", [{}, {"study": None}, {"study": [], "tasks": 3, "checkpoints": "x"}, {"tasks": {"a": 1}}]
)
def test_any_shape_of_junk_is_an_error_with_lines(junk):
    assert all(re.match(r"[a-z]+(\.|:|\[)", line) for line in lines(junk))


def test_1_2_percent_is_legal():
    config = check(user(sweeps__magnitude__sparsity=[1.2, 1, 99.9]), SCHEMA)
    assert list(expand_recipes(config["sweeps"]))[1:4] == [
        "magnitude-u1-2",
        "magnitude-u1",
        "magnitude-u99-9",
    ]


# The schema, its words and its manual


def properties(schema: Any, path: tuple[str, ...] = ()):
    """Every property of a schema: (path, subschema), definitions included once."""
    if isinstance(schema, dict):
        for key, subschema in schema.get("properties", {}).items():
            yield (*path, key), subschema
        for key, subschema in schema.items():
            yield from properties(subschema, (*path, key) if key not in ("properties", "items") else path)


def objects(schema: Any):
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for subschema in schema.values():
            yield from objects(subschema)


KEYS = sorted({path[-1] for path, _ in properties(SCHEMA)})


def test_the_schema_is_closed_and_itself_legal():
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(SCHEMA)
    for schema in objects(SCHEMA):
        closed = schema.get("additionalProperties")
        assert closed is False or (isinstance(closed, dict) and "propertyNames" in schema), schema


def test_every_key_of_the_schema_is_described():
    training = SCHEMA["$defs"]["training"]["properties"]
    for path, schema in properties(SCHEMA):
        own = path[:1] == ("training",) and set(schema) == {"default"}
        assert (training[path[-1]] if own else schema)["description"].endswith("."), path


def test_every_number_has_an_upper_bound():
    unbounded = [
        path
        for path, schema in properties(SCHEMA)
        for part in (schema, schema.get("items", {}))
        if part.get("type") in ("integer", "number") and not {"maximum", "exclusiveMaximum"} & set(part)
    ]
    assert unbounded == []


def test_the_schema_names_what_the_specs_name():
    task = SCHEMA["$defs"]["task"]["properties"]
    sweep = SCHEMA["properties"]["sweeps"]["additionalProperties"]["properties"]
    block = SCHEMA["properties"]["study"]["properties"]["runs"]["items"]["properties"]
    training = SCHEMA["$defs"]["training"]["properties"]
    assert tuple(task["format"]["enum"]) == specs.FORMATS == tuple(COLUMNS) == tuple(METRICS)
    assert tuple(task["metric"]["enum"]) == specs.METRICS == tuple(dict.fromkeys(sum(METRICS.values(), ())))
    assert tuple(sweep["score"]["enum"]) == specs.SCORES
    assert (*sweep["selection"]["enum"], "nm") == specs.SELECTIONS
    assert tuple(sweep["scope"]["enum"]) == specs.SCOPES
    assert tuple(block["regimes"]["items"]["enum"]) == tuple(REGIMES)
    assert set(sweep["quantizer"]["enum"]) <= set(specs.QUANTIZERS)
    assert tuple(training["precision"]["enum"]) == specs.PRECISIONS
    assert set(training) == set(SCHEMA["properties"]["training"]["properties"])
    fields = specs.TrainSpec.__dataclass_fields__
    assert {name: field.type for name, field in fields.items()} == {
        name: {"integer": int, "number": float, "string": str}[schema["type"]]
        for name, schema in training.items()
    }
    for name, schema in SCHEMA["properties"]["training"]["properties"].items():
        assert type(schema["default"]) is fields[name].type


def test_each_key_of_a_task_decides_its_examples_or_only_how_they_are_used():
    used = {
        "base",
        "budget",
        "human",
        "max_length",
        "metric",
        "paper",
        "rows",
        "tokens",
        "training",
        *ASK_KEYS,
    }
    assert set(SCHEMA["$defs"]["task"]["properties"]) == set(DATA_KEYS) | used
    assert f"^{SLUG.replace('?:', '')}$" == SCHEMA["$defs"]["slug"]["pattern"]


def test_the_manual_explains_every_key():
    manual = (ROOT / "config/README.md").read_text()
    missing = [key for key in KEYS if not re.search(rf"`(?:[a-z<>]+\.)*{key}`|[{{ ]{key}:", manual)]
    assert missing == []


def test_the_manual_gives_the_defaults_of_the_schema():
    manual = (ROOT / "config/README.md").read_text()
    for name, schema in SCHEMA["properties"]["training"]["properties"].items():
        given = re.search(rf"^\| `{name}` \|.*\| (\S+) \|$", manual, re.MULTILINE)[1]
        assert yaml.safe_load(given) == schema["default"], name


def test_the_example_of_the_manual_is_right():
    manual = (ROOT / "config/README.md").read_text()
    example = re.search(r"```yaml\n(.*?)```", manual, re.DOTALL)[1]
    runs = valid_runs(check(merge(CATALOG, yaml.safe_load(example)), SCHEMA))
    assert len(runs) == 3 * (1 + 5 + 1 + 2)


def test_every_key_of_the_schema_is_used_by_the_workflow():
    files = [path for path in (ROOT / "workflow").rglob("*") if path.suffix in (".smk", ".py")]
    files = [path for path in files if path.name not in ("check.py", "check_entries.py")]  # they only check
    text = "\n".join(path.read_text() for path in [*files, ROOT / "Snakefile"])
    unused = [
        key
        for key in KEYS
        if not re.search(rf"[\"'/]{key}[\"'/]|\.{key}\b|\b{key}=|\b{key}: (?:int|float|str)\b", text, re.M)
    ]
    assert unused == []

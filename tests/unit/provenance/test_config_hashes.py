"""The short hashes of what a file is made with see every part of the config that decides it, and no other."""

import copy

import pytest

from junkdna.files.artifacts import write_json, write_table, write_tensors
from junkdna.files.seals import DamagedFileError
from junkdna.provenance.config_hashes import (
    MASK,
    NULL,
    RUN,
    TOKENS,
    hash_parts,
    hash_study,
    made_of,
    parts_of,
)
from junkdna.provenance.existing import describe_foreign, describe_versions, survey
from junkdna.provenance.record import check_inputs, check_made, check_runs, installed_versions, record
from junkdna.study.recipes import expand_recipes

TASK = {
    "source": {"generate": {"task": "fact"}},
    "format": "classification",
    "max_length": 24,
    "metric": "accuracy",
    "version": 1,
}
SWEEP = {"score": "magnitude", "selection": "global", "scope": "body", "seed": 0}
RUNS = [
    {"checkpoint": "net", "recipe": recipe, "task": task, "regime": regime, "seed": seed}
    for recipe, regime in (("dense", "dense"), ("magnitude-u50", "sparse"), ("wanda-u50", "sparse"))
    for task in ("easy", "hard")
    for seed in (1, 2)
]


@pytest.fixture
def config():
    return {
        "study": {"name": "a", "margin": 0.02},
        "checkpoints": {
            "net": {"source": {"hub": "x/y", "revision": "1"}},
            "other": {"source": {"hub": "z"}},
        },
        "tasks": {"easy": dict(TASK), "hard": {**TASK, "version": 2}, "text": {**TASK, "version": 3}},
        "axes": {},
        "training": {"epochs": 1, "learning_rate": 1e-3, "lora_rank": 8, "max_steps": 0},
        "calibration": {
            "task": "text",
            "sequences": 8,
            "max_length": 16,
            "seed": 0,
            "join": False,
            "sequential": False,
        },
        "sweeps": {
            "magnitude": {**SWEEP, "sparsity": [50, 70]},
            "random": {**SWEEP, "score": "random", "like": "magnitude", "sparsity": [50]},
            "wanda": {**SWEEP, "score": "wanda", "selection": "row", "sparsity": [50]},
        },
    }


def made(config, local=None) -> dict:
    """What every run, mask and token file is made with."""
    parts = hash_parts(config, expand_recipes(config["sweeps"]), local or {})
    files = {f"run {i}": made_of(parts, RUN, run) for i, run in enumerate(RUNS)}
    files |= {f"null {run['task']}": made_of(parts, NULL, run) for run in RUNS[:4]}
    for recipe in ("magnitude-u50", "magnitude-u70", "random-u50", "wanda-u50"):
        files[recipe] = made_of(parts, MASK, {"checkpoint": "net", "recipe": recipe})
    for task in config["tasks"]:
        files[f"tokens {task}"] = made_of(parts, TOKENS, {"checkpoint": "net", "task": task})
    return {**files, "study": {"study": hash_study(config, RUNS, parts)}}


def changed(config, edit, local=None) -> set[str]:
    other = copy.deepcopy(config)
    edit(other)
    before, after = made(config), made(other, local)
    return {name for name in before if before[name] != after[name]}


EVERY_RUN = {f"run {i}" for i in range(len(RUNS))}
OF_HARD = {f"run {i}" for i in range(len(RUNS)) if i % 4 >= 2}


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda c: c["training"].update(lora_rank=16), set()),
        (lambda c: c["study"].update(name="b"), set()),
        (lambda c: c["checkpoints"]["other"].update(source={"hub": "w"}), set()),
        (lambda c: c["study"].update(margin=0.05), {"study"}),
        (lambda c: c["tasks"]["hard"].update(metric="mcc"), {"study"}),
        (lambda c: c["training"].update(epochs=2), {*EVERY_RUN, "null easy", "null hard", "study"}),
        (lambda c: c["tasks"]["hard"].update(training={"epochs": 2}), {*OF_HARD, "null hard", "study"}),
        (lambda c: c["tasks"]["hard"].update(max_length=9), {*OF_HARD, "null hard", "tokens hard", "study"}),
        (lambda c: c["tasks"]["hard"].update(version=9), {*OF_HARD, "null hard", "tokens hard", "study"}),
        (
            lambda c: c["sweeps"]["magnitude"].update(selection="layer"),
            {"run 4", "run 5", "run 6", "run 7", "magnitude-u50", "magnitude-u70", "random-u50", "study"},
        ),
        (
            lambda c: c["tasks"]["text"].update(version=9),
            {"run 8", "run 9", "run 10", "run 11", "wanda-u50", "tokens text", "study"},
        ),
        (
            lambda c: c["calibration"].update(sequences=9),
            {"run 8", "run 9", "run 10", "run 11", "wanda-u50", "study"},
        ),
        (
            lambda c: c["calibration"].update(sequential=True),
            {"run 8", "run 9", "run 10", "run 11", "wanda-u50", "study"},
        ),
    ],
)
def test_a_change_reaches_what_it_decides(config, edit, expected):
    assert changed(config, edit) == expected


def test_the_content_of_local_files_counts_and_the_order_of_keys_does_not(config):
    assert changed(config, lambda c: None, {"tasks.hard": {"train": "9"}}) == {
        *OF_HARD,
        "null hard",
        "tokens hard",
        "study",
    }
    everything = set(made(config))
    assert changed(config, lambda c: None, {"checkpoints.net": {"config.json": "9"}}) == everything
    assert changed(config, lambda c: c.update(training=dict(reversed(c["training"].items())))) == set()


def test_files_of_runs_are_held_against_the_config(config, tmp_path):
    import pandas as pd

    parts = hash_parts(config, expand_recipes(config["sweeps"]), {})
    paths = [tmp_path / f"{i}.parquet" for i in range(len(RUNS))]
    for path, run in zip(paths, RUNS, strict=True):
        write_table(path, pd.DataFrame({"x": [1]}), record(made_of(parts, RUN, run), config))
    used = parts_of(parts, RUNS)
    assert (
        set(used["compression"]) == {"dense", "magnitude-u50", "wanda-u50"}
        and "other" not in used["checkpoint"]
    )
    check_runs(paths, RUNS, used)
    config["tasks"]["hard"]["training"] = {"epochs": 7}
    config["tasks"]["hard"]["max_length"] = 9
    now = parts_of(hash_parts(config, expand_recipes(config["sweeps"]), {}), RUNS)
    with pytest.raises(ValueError) as error:
        check_runs(paths, RUNS, now)
    told = str(error.value)
    assert told.startswith(
        f"{paths[2]} was made with another format or max_length and other hyper-parameters than"
    )
    assert "Delete it" in told


def test_a_job_checks_the_parts_that_it_shares_with_its_inputs(config, tmp_path):
    tokens, manifest = tmp_path / "tokens.safetensors", tmp_path / "manifest.json"
    write_tensors(tokens, {}, record({"checkpoint": "1", "task": "2", "tokens": "3"}, config))
    write_json(manifest, {**record({"checkpoint": "1"}, config), "files": {}})
    mine = {"checkpoint": "1", "task": "2", "tokens": "3", "compression": "4", "training": "5"}
    check_inputs([str(tokens), manifest], mine)
    with pytest.raises(ValueError, match="tokens.safetensors was made with other examples of the task than"):
        check_inputs([tokens], {**mine, "task": "9"})
    tokens.write_bytes(tokens.read_bytes().replace(b'task\\": \\"2', b'task\\": \\"3'))
    with pytest.raises(DamagedFileError):
        check_made(tokens, mine)
    tokens.write_bytes(b"no tensors")
    with pytest.raises(DamagedFileError, match="does not say with what it was made"):
        check_made(tokens, mine)


def test_a_folder_says_whose_files_it_holds_and_of_which_versions(config, tmp_path):
    for name, study, version in (
        ("a", "a", "torch 1"),
        ("b", "b", "torch 1"),
        ("c", "b", installed_versions()),
    ):
        about = {**record({"training": name, "task": "t"}, {"study": {"name": study}}), "versions": version}
        write_json(tmp_path / f"{name}.json", about)
    (tmp_path / "broken.json").write_text("{")
    wanted = {"a": "other", "b": "other", "c": "c", "broken": "x", "none": "y"}
    files = [
        (str(tmp_path / f"{name}.json"), {"training": made, "task": "t"}) for name, made in wanted.items()
    ]
    found = survey(files, "a")
    assert found.versions == {"torch 1": 2, installed_versions(): 1}
    assert found.foreign == {str(tmp_path / "b.json"): ("b", ("training",))}, "the study's own may be edited"
    told = describe_versions(found.versions)
    assert told[0].startswith(
        "note: 2 of 3 files of this study were made with torch 1; installed here: torch"
    )
    assert describe_versions({installed_versions(): 3}) == []
    told = describe_foreign(found.foreign, "a")
    assert told.startswith("1 files here were made by the study 'b' with other hyper-parameters than 'a' has")
    assert "study.overwrites: [b]" in told and describe_foreign(found.foreign, "a", ["b"]) == ""


def test_what_others_made_is_part_of_its_recipe_alone(config):
    config["sweeps"]["theirs"] = {"source": {"given": {"u50": {"path": "theirs"}}}}
    before = hash_parts(
        config, expand_recipes(config["sweeps"]), {"recipes.theirs-u50": {"config.json": "1"}}
    )
    after = hash_parts(config, expand_recipes(config["sweeps"]), {"recipes.theirs-u50": {"config.json": "2"}})
    changed = {
        (part, slug)
        for part, hashes in before.items()
        for slug in hashes
        if hashes[slug] != after[part][slug]
    }
    assert changed == {("compression", "theirs-u50")}

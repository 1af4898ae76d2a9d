"""Before any job: keys that stand twice, files that are not there or no text, numbers that are none."""

from functools import partial
from pathlib import Path

import pytest
import yaml

from configs import ROOT, SCHEMA, lines, user
from junkdna.study.check import check
from junkdna.study.check_entries import GENERATED
from junkdna.study.duplicate_keys import duplicates, refuse_duplicates
from junkdna.study.local_paths import check_paths
from junkdna.study.tasks import merge
from junkdna.tasks.toy_questions import generate_questions
from junkdna.tasks.toy_world import TASKS, generate_task


def written(tmp_path: Path, text: str, name: str = "mine.yaml") -> Path:
    (tmp_path / name).write_text(text)
    return tmp_path / name


# Keys that stand twice


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("study:\n  name: a\n  name: b\n", [("study.name", "2", "3")]),
        ("tasks: {}\nstudy: {}\ntasks: {}\n", [("tasks", "1", "3")]),
        ("a:\n- b: 1\n- {c: 1, d: 2, 'c': 3}\n", [("a[1].c", "3", "3")]),
        ("a: {x: 1,\n x: 2,\n x: 3}\n", [("a.x", "1", "2, 3")]),
        ("a: &a {x: 1, y: {z: 1, z: 2}}\nb: *a\nc: {<<: *a, x: 2}\n", [("a.y.z", "1", "1")]),
        ("a: 1\nA: 1\nb: {a: 1}\n", []),
        ("a: &a {x: 1}\nb: {<<: *a, x: 2}\n", []),
        ('{\n\t"a": 1,\n\t"a": 2\n}', [("a", "2", "3")]),
        ("", []),
    ],
)
def test_a_key_that_stands_twice_is_named_with_its_lines(tmp_path, text, expected):
    file = written(tmp_path, text)
    told = [
        f"{key}: found in line {first} of {file} and again in line {more};" for key, first, more in expected
    ]
    assert [line.split(" legal:")[0] for line in duplicates(file)] == told
    if expected:
        with pytest.raises(ValueError, match="each key once"):
            refuse_duplicates([written(tmp_path, "a: 1\n", "other.yaml"), file])


def test_no_shipped_config_says_anything_twice():
    refuse_duplicates(
        [*ROOT.glob("config/**/*.yaml"), *ROOT.glob("workflow/schemas/*"), ROOT / "tests/workflow/tiny.yaml"]
    )


# Numbers that are none, or make no sense; names that end in a line break


NONE = "(no finite number); legal: a number"
WHOLE = "legal: a whole number >= 1 and"
PERCENT = "legal: percent of the weights removed, from 1 to 99.9 with at most one decimal"
A_SLUG = "legal: a slug (words of a-z and 0-9 joined by single hyphens)"
NUMBERS = {
    "training: {learning_rate: .nan}": f"training.learning_rate: found nan {NONE} > 0 and <= 1",
    "training: {weight_decay: .inf}": f"training.weight_decay: found inf {NONE} >= 0 and <= 10",
    "training: {clip: -.inf}": f"training.clip: found -inf {NONE} >= 0 and <= 1,000,000",
    "training: {epochs: .inf}": f"training.epochs: found inf (no finite number); {WHOLE} <= 10000",
    "training: {epochs: 1.0e+30}": f"training.epochs: found 1e+30 (a number); {WHOLE} <= 10000",
    f"training: {{epochs: {10**30}}}": f"training.epochs: found 1e+30 (a number); {WHOLE} <= 10000",
    "training: {save_minutes: 1.0e+400}": f"training.save_minutes: found inf {NONE} >= 0 and <= 1,000,000",
    "plan: {flops_per_second: .nan}": f"plan.flops_per_second: found nan {NONE} > 0 and <= 1e+21",
    "tasks: {easy: {max_length: .nan}}": (
        "tasks.easy.max_length: found nan (no finite number); legal: a whole number >= 4 and <= 10,000,000"
    ),
    "sweeps: {magnitude: {sparsity: [50, .nan]}}": (
        f"sweeps.magnitude.sparsity[1]: found nan (no finite number); {PERCENT}"
    ),
    'study: {name: "mine\\n"}': f"study.name: found 'mine\\n' (text); {A_SLUG}",
    'tasks: {"mine\\n": {base: easy}}': f"tasks: found name 'mine\\n'; {A_SLUG}; did you mean 'mine'?",
    'checkpoints: {mine: {source: {hub: "me/mine\\n"}}}': (
        "checkpoints.mine.source.hub: found 'me/mine\\n' (text); legal: an id of the hub, owner/name"
    ),
}


@pytest.mark.parametrize("text", NUMBERS)
def test_numbers_and_names_that_are_none(text):
    assert lines(merge(user(), yaml.safe_load(text))) == [NUMBERS[text]]


# Generated tasks


def test_the_checker_knows_the_generated_tasks_and_how_much_there_is_of_each():
    assert tuple(GENERATED) == (*TASKS, "home")
    for task, (form, sizes) in GENERATED.items():
        make = generate_questions if task == "home" else partial(generate_task, task)
        tables = make(world_seed=1, seed=1, **sizes)
        assert {split: len(table) for split, table in tables.items()} == sizes
        assert ("options" in tables["train"].columns) == (form == "choice")
        assert ("answers" in tables["train"].columns) == (form == "generate")
        for split in sizes:
            with pytest.raises(ValueError, match=f"generate.{split}: found {sizes[split] + 1}"):
                make(world_seed=1, seed=1, **sizes | {split: sizes[split] + 1})


KEYWORD = "(generated task keyword)"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"source": {"generate": {"task": "keywrd"}}},
            "source.generate.task: found 'keywrd'; legal: keyword, kind, fact, hop, choice, home; "
            "did you mean 'keyword'?",
        ),
        ({"format": "pair"}, f"format: found 'pair'; legal: classification {KEYWORD}"),
        ({"distractors": 3}, "distractors: found beside keyword; legal: beside the generated task home only"),
        ({"format": "choice"}, f"format: found 'choice'; legal: classification {KEYWORD}"),
        (
            {"source": {"generate": {"task": "choice"}}},
            "format: found 'classification'; legal: choice (generated task choice)",
        ),
        (
            {"source": {"generate": {"train": 1000}}},
            f"source.generate.train: found 1000; legal: up to 768 {KEYWORD}",
        ),
        ({"train_examples": 400}, "train_examples: found 400; legal: up to 384, which is all there is"),
    ],
)
def test_what_a_generated_task_cannot_be(changes, line):
    toy = yaml.safe_load((ROOT / "config/catalog/tasks.yaml").read_text())["tasks"]["toy-keyword"]
    assert lines(user(tasks__toy=toy, tasks__mine={"base": "toy", **changes})) == [f"tasks.mine.{line}"]


def test_more_examples_than_the_rows_that_the_source_is_said_to_have():
    told = lines(user(tasks__easy__rows={"train": 99, "validation": 50}))
    assert told == ["tasks.easy.train_examples: found 100; legal: up to 99, which is all there is"]


# Files of the user


def local(tmp_path: Path, **changes) -> dict:
    for name in ("t.csv", "v.csv"):
        (tmp_path / name).write_text("text,second,label\n\u00e9,b,good\n")
    (tmp_path / "model").mkdir(exist_ok=True)
    (tmp_path / "model/config.json").write_text("{}")
    paths = {split: str(tmp_path / name) for split, name in (("train", "t.csv"), ("validation", "v.csv"))}
    given = {
        "tasks__easy__source": {"path": paths},
        "checkpoints__mine__source": {"path": str(tmp_path / "model")},
    }
    return check(user(**given | changes), SCHEMA)


def problems(config: dict, fetched=lambda section, name: False) -> list[str]:
    try:
        check_paths(config, fetched)
    except ValueError as error:
        return str(error).splitlines()
    return []


def test_files_and_folders_must_be_there(tmp_path):
    config = local(tmp_path)
    assert problems(config) == []
    (tmp_path / "v.csv").rename(tmp_path / "v1.csv")
    (tmp_path / "model/config.json").unlink()
    told = problems(config)
    assert len(told) == 3  # both tasks name the file
    assert told[0].startswith(
        f"checkpoints.mine.source.path: found '{tmp_path / 'model'}'; legal: a folder in the"
    )
    assert told[1].startswith(
        f"tasks.easy.source.path.validation: found '{tmp_path / 'v.csv'}', which is no file"
    )
    assert told[1].endswith(f"did you mean '{tmp_path / 'v1.csv'}'?")
    (tmp_path / "model").rmdir()
    assert "which is no folder" in problems(config)[0]
    assert problems(config, lambda section, name: True) == [], "what is here already may be gone from there"


def test_files_of_text_must_be_utf8(tmp_path):
    config = local(tmp_path)
    (tmp_path / "t.csv").write_bytes("text,second,label\na,b,good\n\u00e9,b,good\n".encode("latin-1"))
    assert problems(config)[0] == (
        f"tasks.easy.source.path.train: {tmp_path / 't.csv'}: line 3 is no UTF-8 (byte 0xe9); save the file as UTF-8"
    )
    for ending in (b"\xc3", b"\xff"):
        (tmp_path / "t.csv").write_bytes(b"text\n" * 300_000 + ending)
        assert "line 300001 is no UTF-8" in problems(config)[0]
    # A letter of two bytes on the edge of what is read at once.
    (tmp_path / "t.csv").write_bytes(b"x" * ((1 << 20) - 1) + "\u00e9".encode() + b"\n")
    assert problems(config) == []


@pytest.mark.parametrize(
    ("shape", "line"),
    [
        ({"hidden": 30}, "found 30; legal: a multiple of heads (4)"),
        ({"hidden": 36, "objective": "causal"}, "found 36; legal: a multiple of twice heads (8)"),
    ],
)
def test_the_width_of_what_is_pretrained_fits_its_heads(shape, line):
    tiny = yaml.safe_load((ROOT / "config/catalog/checkpoints.yaml").read_text())["checkpoints"][
        "tiny-encoder"
    ]
    made = tiny["source"]["pretrain"]

    def config(**changes):
        return merge(user(), {"checkpoints": {"mine": {"source": {"pretrain": made | changes}}}})

    assert lines(config(**shape)) == [f"checkpoints.mine.source.pretrain.hidden: {line}"]
    assert check(config(**shape | {"hidden": 40}), SCHEMA)


def test_questions_of_the_generated_world_come_with_evidence_and_may_have_options():
    tasks = yaml.safe_load((ROOT / "config/catalog/tasks.yaml").read_text())["tasks"]
    mine = {name: tasks[name] for name in ("toy-home", "toy-home-likelihood", "toy-home-choice")}
    mine["near"] = {"base": "toy-home", "evidence": "sentence"}
    assert check(merge(user(), {"tasks": mine}), SCHEMA)["tasks"]["near"]["evidence"] == "sentence"
    wrong = {"base": "toy-home", "format": "choice", "metric": "accuracy"}
    assert "tasks.wrong.format: found 'choice'; legal: generate (generated task home)" in lines(
        merge(user(), {"tasks": mine | {"wrong": wrong}})
    )

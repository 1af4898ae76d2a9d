"""Task data: one form from every source, stable names of examples, nested subsets, clear errors."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import pytest

from described import untrue
from junkdna.tasks.columns import indices, pick
from junkdna.tasks.fetch import example_ids, fetch_task, subset_order

hub_module = runpy.run_path(str(Path(__file__).parents[2] / "hub.py"))
Hub, TOKEN, point_clients_at = (hub_module[name] for name in ("Hub", "TOKEN", "point_clients_at"))
REPO = "tests/sentences"
PAIR = {
    "format": "pair",
    "columns": {"text": "first", "text_pair": "second", "label": "label"},
    "labels": ["yes", "no"],
}


def pairs(rows: int, start: int = 0) -> dict[str, list]:
    numbers = range(start, start + rows)
    columns = {"first": [f"text {i}" for i in numbers], "second": [f"other {i % 7}" for i in numbers]}
    return columns | {"label": [i % 2 for i in numbers], "number": list(numbers)}


def save_dataset(folder: Path, train: dict, validation: dict, names: list[str] | None = None) -> Path:
    """A repository of two splits in config `main`, in parquet files as the hub's; names: of the classes."""
    for split, columns in (("train", train), ("validation", validation)):
        data = datasets.Dataset.from_dict(columns)
        if names:
            data = data.cast_column("label", datasets.ClassLabel(names=names))
        (folder / "main").mkdir(parents=True, exist_ok=True)
        data.to_parquet(folder / "main" / f"{split}-00000-of-00001.parquet")
    files = "".join(f"\n  - split: {split}\n    path: main/{split}-*" for split in ("train", "validation"))
    (folder / "README.md").write_text(f"---\nconfigs:\n- config_name: main\n  data_files:{files}\n---\n")
    return folder


@pytest.fixture
def repository(tmp_path) -> Path:
    return save_dataset(tmp_path / "repository", pairs(40), pairs(9, 100), ["yes", "no"])


@pytest.fixture
def hub(repository, tmp_path, monkeypatch):
    with Hub(datasets={REPO: repository}) as hub:
        point_clients_at(monkeypatch, hub.url, tmp_path / "home")
        yield hub


@pytest.fixture
def no_waiting(monkeypatch):
    waits = []
    monkeypatch.setattr(time, "sleep", waits.append)
    return waits


def from_hub(entry=PAIR, **source):
    return fetch_task(
        {**entry, "source": {"hub": REPO, "config": "main", "revision": "main"} | source}, name="pairs"
    )


def from_files(tmp_path: Path, train: dict, validation: dict | None = None, **entry):
    """Fetch a task from two JSON lines files with these columns."""
    paths = {}
    for split, columns in (("train", train), ("validation", validation or train)):
        paths[split] = str(tmp_path / f"{split}.jsonl")
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        Path(paths[split]).write_text("".join(json.dumps(row) + "\n" for row in rows))
    tables, manifest = fetch_task({"source": {"path": paths}} | entry, name="mine")
    assert [line for split, table in tables.items() for line in untrue(split, table)] == []
    return tables, manifest


def content(table: pd.DataFrame) -> dict[int, tuple]:
    rows = table.drop(columns="example_id").itertuples(index=False, name=None)
    return dict(zip(table["example_id"], map(repr, rows), strict=True))


# The hub


def test_a_task_from_the_hub(hub, repository):
    tables, manifest = from_hub()
    expected = pairs(40)
    table = tables["train"].sort_values("text", key=lambda text: text.str[5:].astype(int))
    assert list(table.columns) == ["example_id", "text", "text_pair", "label"]
    for ours, theirs in (("text", "first"), ("text_pair", "second"), ("label", "label")):
        assert table[ours].tolist() == expected[theirs]
    assert table["example_id"].dtype == table["label"].dtype == np.int64 and table["example_id"].is_unique
    assert manifest["commit"] == hub.commit("datasets", REPO)
    assert manifest["labels"] == ["yes", "no"] and manifest["num_labels"] == 2
    assert manifest["splits"]["validation"] == {"examples": 9, "available": 9, "classes": {"yes": 5, "no": 4}}
    json.dumps(manifest)


def test_other_splits_and_revisions(hub, repository, tmp_path):
    other = save_dataset(tmp_path / "other", pairs(3), pairs(5), ["yes", "no"])
    hub.repositories["datasets", REPO] = {"main": repository, "v2": other}
    assert len(from_hub(revision="v2")[0]["train"]) == 3
    commit = hub.commit("datasets", REPO, "main")
    assert len(from_hub(PAIR | {"splits": {"validation": "train"}}, revision=commit)[0]["validation"]) == 40


@pytest.mark.parametrize(
    ("entry", "source", "message"),
    [
        (
            {},
            {"hub": "tests/sentnces"},
            "tasks.pairs.source.hub: .* has no dataset 'tests/sentnces'.*HF_TOKEN",
        ),
        (
            {},
            {"hub": "tests/sentnces", "revision": "b" * 40},
            "source.hub: .* has no dataset 'tests/sentnces'",
        ),
        ({}, {"revision": "mian"}, "tasks.pairs.source.revision: .*'mian'; did you mean 'main'"),
        ({}, {"revision": "b" * 40}, "tasks.pairs.source.revision: .*no revision 'bbbb"),
        ({}, {"config": "mane"}, "tasks.pairs.source.config: .*'mane'; it has main; did you mean 'main'"),
        (
            {"splits": {"validation": "validatoin"}},
            {},
            "tasks.pairs.splits.validation: .*did you mean 'validation'",
        ),
        (
            {"columns": PAIR["columns"] | {"text_pair": "secnd"}},
            {},
            "tasks.pairs.columns.text_pair: found no column 'secnd'; legal: first, second, label, number; "
            "did you mean 'second'",
        ),
        ({"labels": ["yes", "never"]}, {}, "tasks.pairs.labels: found 'no' as labels.*legal: yes, never"),
    ],
)
def test_what_the_hub_has_not(hub, entry, source, message):
    with pytest.raises(ValueError, match=message):
        from_hub(PAIR | entry, **source)


def test_a_gated_data_set_needs_the_right_token(hub, monkeypatch):
    hub.gated.add(REPO)
    for revision in ("main", hub.commit("datasets", REPO)):
        with pytest.raises(ValueError, match="tasks.pairs.source.hub: .*gated and no token"):
            from_hub(revision=revision)
    monkeypatch.setenv("HF_TOKEN", "hf_a_wrong_secret")
    with pytest.raises(ValueError, match="gated and the token in use") as caught:
        from_hub()
    assert "secret" not in str(caught.value)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert from_hub()[1]["commit"]


@pytest.mark.parametrize("trouble", [{"fail_every": 4}, {"fail_downloads": 3}, {"cut_downloads": 3}])
def test_passing_trouble_is_waited_out(trouble, hub, no_waiting):
    expected = from_hub()[0]["train"]
    for path in sorted((Path(datasets.config.HF_DATASETS_CACHE).parent).rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    vars(hub).update(trouble)
    pd.testing.assert_frame_equal(from_hub()[0]["train"], expected)
    assert no_waiting, "there was trouble"


def test_lasting_trouble_ends_in_one_error(hub, no_waiting):
    hub.fail_every = 1
    with pytest.raises(RuntimeError, match="tasks.pairs.source.hub: .*still answered 503 after 5 tries"):
        from_hub()


def test_offline_the_cache_must_have_that_very_commit(hub, repository, tmp_path, monkeypatch, no_waiting):
    other = save_dataset(tmp_path / "other", pairs(3), pairs(5), ["yes", "no"])
    hub.repositories["datasets", REPO] = {"main": repository, "v2": other}
    old, new = (hub.commit("datasets", REPO, branch) for branch in ("main", "v2"))

    def leave(offline: bool):
        point_clients_at(monkeypatch, "http://127.0.0.1:9", tmp_path / "home", offline=offline)

    for revision in ("main", old):
        leave(offline=True)
        with pytest.raises(RuntimeError, match="tasks.pairs.source.hub: .*HF_HUB_OFFLINE"):
            from_hub(revision=revision)
        leave(offline=False)
        with pytest.raises(RuntimeError, match="no working connection to http://127.0.0.1:9"):
            from_hub(revision=revision)
    point_clients_at(monkeypatch, hub.url, tmp_path / "home")
    expected, _ = from_hub()
    for offline in (True, False):
        leave(offline)
        tables, manifest = from_hub()
        pd.testing.assert_frame_equal(tables["train"], expected["train"])
        assert manifest["commit"] == old
        with pytest.raises(RuntimeError, match=f"holds commit {old}, not {new}"):
            from_hub(revision=new)


def test_the_environment_decides_where_from(hub, tmp_path):
    entry = PAIR | {"source": {"hub": REPO, "config": "main", "revision": "main"}}
    program = textwrap.dedent(f"""
        from junkdna.tasks.fetch import fetch_task
        print(fetch_task({entry!r}, name="pairs")[1]["commit"])
    """)
    environment = os.environ | {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "elsewhere")}
    environment |= {"PYTHONPATH": str(Path(__file__).parents[3] / "workflow")}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == hub.commit("datasets", REPO), done.stderr
    assert {path.name for path in (tmp_path / "elsewhere").iterdir()} >= {"hub", "datasets"}


# Damage


def cached(home: Path, pattern: str) -> Path:
    """The one file of a cache that a pattern names, without the links that lead to it."""
    (found,) = {path.resolve() for path in home.glob(pattern)}
    return found


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


PARQUET = "hub/datasets--*/snapshots/*/main/train-*.parquet"
ARROW = "datasets/**/*-train.arrow"


def test_a_damaged_download_is_fetched_again(hub, tmp_path, capsys):
    hub.flip_downloads = 1
    tables, _ = from_hub()
    damaged = re.search(
        r"tasks.pairs.source.hub: 'tests/sentences': (\S+) .*damaged: the hub promises",
        capsys.readouterr().out,
    )
    assert "/blobs/" in damaged[1] and len(Path(damaged[1]).name) == 64
    assert sorted(tables["train"]["text"]) == sorted(pairs(40)["first"])
    asked = len(hub.requests)
    from_hub()
    assert not [line for line in hub.requests[asked:] if line.endswith(".parquet") and line.startswith("GET")]


def test_a_download_that_is_damaged_twice_is_told_and_does_not_stay(hub, tmp_path):
    hub.flip_downloads = 99
    with pytest.raises(RuntimeError, match="tasks.pairs.source.hub: .*/blobs/.*damaged: .*second time too"):
        from_hub()
    assert not list((tmp_path / "home").glob(PARQUET))
    hub.flip_downloads = 0
    assert sorted(from_hub()[0]["train"]["text"]) == sorted(pairs(40)["first"])


@pytest.mark.parametrize("prepared", [True, False])
@pytest.mark.parametrize(
    "spoil", [flip, lambda file: file.write_bytes(b""), lambda file: file.write_bytes(b"<html>")]
)
@pytest.mark.parametrize(
    "pattern", [PARQUET, ARROW, "hub/datasets--*/snapshots/*/README.md", "datasets/**/dataset_info.json"]
)
def test_a_cache_that_rots_is_found_and_filled_again(pattern, spoil, prepared, hub, tmp_path):
    expected, home = from_hub()[0]["train"], tmp_path / "home"
    spoil(cached(home, pattern))
    if not prepared:
        shutil.rmtree(home / "datasets")
    pd.testing.assert_frame_equal(from_hub()[0]["train"], expected)
    pd.testing.assert_frame_equal(from_hub()[0]["train"], expected)
    assert hub.downloads("train-00000-of-00001.parquet") == 1 + (pattern == PARQUET)


def test_what_others_prepared_from_a_damaged_file_is_not_taken(hub, tmp_path):
    expected = from_hub()[0]["train"]
    home = tmp_path / "home"
    flip(cached(home, ARROW))
    cached(home, "datasets/**/junkdna.json").unlink()
    pd.testing.assert_frame_equal(from_hub()[0]["train"], expected)


def test_damage_out_of_reach_of_the_hub_names_what_to_delete(hub, tmp_path, monkeypatch):
    from_hub()
    arrow = cached(tmp_path / "home", ARROW)
    flip(arrow)
    point_clients_at(monkeypatch, "http://127.0.0.1:9", tmp_path / "home", offline=True)
    with pytest.raises(
        RuntimeError, match=f"tasks.pairs.source.hub: .*{arrow.parent} is not what was prepared"
    ):
        from_hub()


# Files


def test_every_kind_of_file_gives_the_same(tmp_path, hub):
    table = pd.DataFrame(pairs(20))
    table["first"] = [f'{i}, "NA" \u00e9' for i in range(20)]
    table.loc[3, "second"] = ""
    table.to_parquet(tmp_path / "data.parquet")
    table.to_csv(tmp_path / "data.csv", index=False)
    table.to_csv(tmp_path / "data.tsv", index=False, sep="\t", quoting=3)
    table.to_json(tmp_path / "data.jsonl", orient="records", lines=True)
    found = []
    for suffix in ("parquet", "csv", "tsv", "jsonl"):
        path = str(tmp_path / f"data.{suffix}")
        tables, manifest = fetch_task(
            PAIR | {"labels": ["0", "1"], "source": {"path": {"train": path, "validation": path}}},
            name="mine",
        )
        assert manifest["files"]["train"]["size"] == Path(path).stat().st_size
        found.append(tables["train"])
    assert sorted(found[0]["text"]) == sorted(table["first"]) and "" in found[0]["text_pair"].tolist()
    for other in found[1:]:
        pd.testing.assert_frame_equal(other, found[0])


def test_texts_that_look_like_something_else_stay_text(tmp_path):
    texts = ["1", "1.50", "2020-01-01", "null", "NA", "true", ""]
    tables, _ = from_files(
        tmp_path,
        {"text": texts, "label": ["a", "b"] * 3 + ["a"]},
        format="classification",
        columns={"text": "text", "label": "label"},
        labels=["a", "b"],
    )
    assert sorted(tables["train"]["text"]) == sorted(texts)


def test_files_that_are_not_there_or_not_what_they_seem(tmp_path):
    (tmp_path / "good.jsonl").write_text('{"first": "a", "second": "b", "label": "yes"}\n')
    (tmp_path / "bad.jsonl").write_text('{"first": "a"}\nnot json\n')
    (tmp_path / "bad.parquet").write_text("not parquet")
    (tmp_path / "data.xlsx").write_text("")
    for name, message in (
        ("goood.jsonl", "is no file.*did you mean 'good.jsonl'"),
        ("bad.jsonl", "cannot be read as jsonl: line 2"),
        ("bad.parquet", "cannot be read as parquet"),
        ("data.xlsx", "ends in '.xlsx'; legal are .parquet, .csv, .tsv, .jsonl"),
    ):
        paths = {"train": str(tmp_path / "good.jsonl"), "validation": str(tmp_path / name)}
        with pytest.raises(
            (ValueError, FileNotFoundError), match=f"tasks.mine.source.path.validation: .*{message}"
        ):
            fetch_task(PAIR | {"source": {"path": paths}}, name="mine")


@pytest.mark.parametrize(
    ("suffix", "text", "message"),
    [
        # A field more or fewer than the header: once the row began one column late, or lost its first clause.
        (
            "csv",
            "text,label\nfine,pos\ngood,pos,neg\n",
            "1 of 2 rows do not fit the header, .*'text', 'label': line 3 has 3",
        ),
        (
            "csv",
            "text,label\nwell, well,pos\nbad, bad,neg\n",
            "2 of 2 rows do not fit .*line 2 has 3; .* double quotes",
        ),
        ("csv", 'text,label\n\n"a\nb",pos\nalone\n', "1 of 2 rows do not fit .*line 5 has 1"),
        (
            "tsv",
            "text\tlabel\ngood\tpos\tneg\nfine\tpos\n",
            "1 of 2 rows do not fit .*line 2 has 3; .*no tab",
        ),
        ("tsv", "text\tlabel\ngood, pos\n", "1 of 1 rows do not fit .*line 2 has 1"),
        ("csv", 'text,label\n"open,pos\ngood,neg\n', "line 2: unexpected end of data"),
        ("csv", 'text,label\ngood,neg\n"a"b,pos\n', "line 3: .*written twice"),
        ("csv", "text,text,label\na,b,pos\n", "the column 'text' is there 2 times"),
        ("csv", "", "it is empty"),
        (
            "jsonl",
            '{"text": "a", "label": "pos"}\n\n{"text": "b"}\n',
            "1 of 2 rows have no key 'label', line 3 is the first",
        ),
        ("jsonl", '{"text": "a", "label": "pos"}\n["b", "neg"]\n', "line 2 is no object"),
        (
            "jsonl",
            '{"text": "a", "label": "pos", "label": "neg"}\n',
            "line 1: the key 'label' is there 2 times",
        ),
    ],
)
def test_rows_that_do_not_fit_are_told_with_their_line(tmp_path, suffix, text, message):
    (tmp_path / f"bad.{suffix}").write_text(text)
    (tmp_path / "good.csv").write_text("text,label\na,pos\nb,neg\n")
    paths = {"train": str(tmp_path / f"bad.{suffix}"), "validation": str(tmp_path / "good.csv")}
    entry = ONE | {"labels": ["pos", "neg"], "source": {"path": paths}}
    with pytest.raises(
        ValueError, match=f"tasks.mine.source.path.train: .*bad.{suffix} cannot be read as .*{message}"
    ):
        fetch_task(entry, name="mine")


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl"])
def test_a_file_in_another_encoding_names_its_line(tmp_path, suffix):
    rows = [("text", "label"), *[("x" * 100, "pos")] * 20_000, ("\u00e9", "neg")]
    join = {
        "csv": ",".join,
        "tsv": "\t".join,
        "jsonl": lambda row: json.dumps(dict(zip(*rows[:1], row, strict=True)), ensure_ascii=False),
    }
    lines = [join[suffix](row) for row in rows[suffix == "jsonl" :]]
    (tmp_path / f"bad.{suffix}").write_text("\n".join(lines), encoding="latin-1")
    (tmp_path / f"good.{suffix}").write_text("\n".join(lines), encoding="utf-8-sig")
    for name in ("bad", "good"):
        entry = ONE | {
            "labels": ["pos", "neg"],
            "source": {"path": dict.fromkeys(("train", "validation"), str(tmp_path / f"{name}.{suffix}"))},
        }
        if name == "good":
            assert len(fetch_task(entry, name="mine")[0]["train"]) == 20_001
            continue
        with pytest.raises(ValueError, match=f"path.train: .*line {len(lines)} is no UTF-8 .byte 0xe9"):
            fetch_task(entry, name="mine")


def test_a_csv_with_unnamed_columns_long_texts_and_quotes(tmp_path):
    long = "word, " * 100_000
    table = pd.DataFrame({"text": [long, 'say "no"', "two\nlines"], "label": ["pos", "neg", "pos"]})
    table.to_csv(tmp_path / "data.csv")  # with the numbers of its rows, in a column without a name
    paths = dict.fromkeys(("train", "validation"), str(tmp_path / "data.csv"))
    found = fetch_task(ONE | {"labels": ["pos", "neg"], "source": {"path": paths}}, name="mine")[0]["train"]
    assert set(zip(found["text"], found["label"], strict=True)) == {
        (long, 0),
        ('say "no"', 1),
        ("two\nlines", 0),
    }


# Columns and labels

ONE = {"format": "classification", "columns": {"text": "text", "label": "label"}}
CHOICE = {"format": "choice", "columns": {"text": "text", "options": "options", "label": "label"}}


@pytest.mark.parametrize(
    ("values", "labels", "expected"),
    [
        ([0, 1, 1], ["0", "1"], [0, 1, 1]),
        (["yes", "no", "no"], ["no", "yes"], [1, 0, 0]),
        (["1", "0", "1"], ["1", "0"], [0, 1, 0]),
        ([1.0, 0.0, 1.0], ["0", "1"], [1, 0, 1]),
        ([True, False, True], ["false", "true"], [1, 0, 1]),
        ([1, 2, 1], ["1", "2"], [0, 1, 0]),
        (["1", "2", "1"], ["2", "1"], [1, 0, 1]),
        ([-1, 1, 1], ["-1", "1"], [0, 1, 1]),
        ([0, 2, 1], None, [0, 2, 1]),
    ],
)
def test_labels_are_names(tmp_path, values, labels, expected):
    columns = {"text": ["a", "b", "c"], "label": values}
    tables, manifest = from_files(tmp_path, columns, **ONE, labels=labels)
    found = tables["train"].sort_values("text")["label"]
    assert found.tolist() == expected and found.dtype == np.int64
    assert manifest["num_labels"] == len(labels or "abc")


def test_the_names_of_the_source_are_followed_in_any_order():
    read = indices([0, 1, 1], ["no", "yes"], ["yes", "no"], letters=False, key="tasks.x", split="train")
    assert read.tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("values", "labels", "message"),
    [
        (["a", "b", "c"], ["a", "b"], "labels: found 'c' as labels of 'train'; legal: a, b"),
        (["a", "b", "a"], None, "labels: found 'a', 'b' as labels of 'train'; the key is missing"),
        ([0, 1, 5], ["a", "b"], "labels: found '0', '1', '5' as labels"),
        # Once taken for places: every "1" became class 2, and five stars the class of four.
        ([1, 2, 0], ["1", "2"], "labels: found '0' as labels of 'train'; legal: 1, 2"),
        ([1, 4, 0], list("12345"), "labels: found '0' as labels of 'train'; legal: 1, 2, 3, 4, 5"),
        ([0, 1, 1], ["no", "yes"], "labels: found '0', '1' as labels .*: labels: .\"0\", \"1\".$"),
        ([0.5, 1, 1], ["0", "1"], "labels: found '0.5' as labels"),
        ([0, 1, -1], ["a", "b"], "columns.label: 1 of 3 rows of 'train' have no label.*withheld"),
        ([-1, -1, -1], ["a", "b"], "columns.label: 3 of 3 rows"),
        ([0, None, None], ["a", "b"], "columns.label: 2 of 3 rows"),
        (["a", "", "b"], ["a", "b"], "columns.label: 1 of 3 rows"),
    ],
)
def test_labels_that_are_none(tmp_path, values, labels, message):
    with pytest.raises(ValueError, match=f"tasks.mine.{message}"):
        from_files(tmp_path, {"text": ["a", "b", "c"], "label": values}, **ONE, labels=labels)


def test_a_stray_label_in_the_validation_split_shifts_nothing(tmp_path):
    train, validation = {"text": ["a", "b"], "label": [1, 2]}, {"text": ["a", "b"], "label": [0, 1]}
    with pytest.raises(
        ValueError, match="tasks.mine.labels: found '0' as labels of 'validation'; legal: 1, 2"
    ):
        from_files(tmp_path, train, validation, **ONE, labels=["1", "2"])


def test_numbers_are_places_only_where_the_source_names_them(hub, tmp_path):
    plain = save_dataset(tmp_path / "plain", pairs(8), pairs(4, 100))
    hub.repositories["datasets", REPO] = {"main": plain}
    with pytest.raises(
        ValueError, match="tasks.pairs.labels: found '0', '1' as labels of 'train'; legal: yes, no"
    ):
        from_hub()
    tables, manifest = from_hub(PAIR | {"labels": ["1", "0"]})
    assert (tables["train"]["label"] == 1 - tables["train"]["text"].str[5:].astype(int) % 2).all()
    assert manifest["labels"] == ["1", "0"]


def test_withheld_labels_of_the_hub_are_counted(hub, tmp_path):
    withheld = pairs(4, 100) | {"label": [-1, 0, -1, 1]}
    hub.repositories["datasets", REPO] = {
        "main": save_dataset(tmp_path / "w", pairs(8), withheld, ["yes", "no"])
    }
    with pytest.raises(
        ValueError, match="tasks.pairs.columns.label: 2 of 4 rows of 'validation' have no label"
    ):
        from_hub()


def test_texts_that_are_none(tmp_path):
    with pytest.raises(ValueError, match="tasks.mine.columns.text: 2 of 3 rows of 'train' have no 'text'"):
        from_files(tmp_path, {"text": ["a", None, None], "label": [0, 1, 0]}, **ONE)
    with pytest.raises(ValueError, match="tasks.mine.columns.text: 1 of 2 rows of 'train' hold no text.*int"):
        from_files(tmp_path, {"text": ["a", 5], "label": [0, 1]}, **ONE)
    with pytest.raises(ValueError, match="tasks.mine.source: split 'train' has no rows"):
        from_files(tmp_path, {"text": [], "label": []}, **ONE)


def test_regression(tmp_path):
    columns = {"a": ["x", "y", "z"], "b": ["u", "v", "w"], "score": [0.25, -1, "5"]}
    entry = {"format": "regression", "columns": {"text": "a", "text_pair": "b", "label": "score"}}
    tables, manifest = from_files(tmp_path, columns, **entry)
    assert tables["train"].sort_values("text")["label"].tolist() == [0.25, -1.0, 5.0]
    assert manifest["num_labels"] == 1 and manifest["labels"] == []
    with pytest.raises(ValueError, match="columns.label: 3 of 3 rows of 'train' have no label"):
        from_files(tmp_path, columns | {"score": [-1.0, -1.0, -1.0]}, **entry)
    with pytest.raises(ValueError, match="columns.label: 1 of 3 rows"):
        from_files(tmp_path, columns | {"score": [1, 2, None]}, **entry)
    with pytest.raises(ValueError, match="columns.label: found 'good' in 'train'; legal: numbers"):
        from_files(tmp_path, columns | {"score": [1, 2, "good"]}, **entry)


OPTIONS = [["red", "blue"], ["cat", "dog", "cow"], ["up", "down"]]


@pytest.mark.parametrize(
    ("columns", "path"),
    [
        ({"options": OPTIONS}, "options"),
        ({"choices": [{"text": row, "label": list("ABC")[: len(row)]} for row in OPTIONS]}, "choices.text"),
        ({"choices": [[{"text": text} for text in row] for row in OPTIONS]}, "choices.text"),
        ({"one": [{"x": row[0]} for row in OPTIONS], "two": [r[1] for r in OPTIONS]}, ["one.x", "two"]),
    ],
)
@pytest.mark.parametrize("answers", [["B", "A", "B"], [1, 0, 1], ["1", "0", "1"]])
def test_choice(tmp_path, columns, path, answers):
    columns = {"q": ["what?", "who?", "where?"], "answer": answers} | columns
    paths = {"text": "q", "options": path, "label": "answer"}
    tables, manifest = from_files(tmp_path, columns, format="choice", columns=paths)
    table = tables["train"].set_index("text").loc[["what?", "who?", "where?"]]
    expected = [row[:2] for row in OPTIONS] if isinstance(path, list) else OPTIONS
    assert table["options"].tolist() == expected and table["label"].tolist() == [1, 0, 1]
    assert manifest["num_labels"] == 1


def test_answers_among_the_names_that_each_row_gives_its_options(tmp_path):
    """As in ARC, where some rows number their options and others letter them."""
    rows = [{"text": ["x", "y", "z"], "label": ["1", "2", "3"]}, {"text": ["x", "y"], "label": ["A", "B"]}]
    columns = {"q": ["what?", "who?"], "choices": rows, "answer": ["3", "A"]}
    paths = {"text": "q", "options": "choices.text", "names": "choices.label", "label": "answer"}
    table = from_files(tmp_path, columns, format="choice", columns=paths)[0]["train"].set_index("text")
    assert table["label"].to_dict() == {"what?": 2, "who?": 0}
    told = "columns.label: 1 of 2 rows of 'train' have an answer that is none of their names .*found 'C'; legal: A, B"
    with pytest.raises(ValueError, match=told):
        from_files(tmp_path, columns | {"answer": ["3", "C"]}, format="choice", columns=paths)
    with pytest.raises(ValueError, match="1 of 2 rows of 'train' have no label"):
        from_files(tmp_path, columns | {"answer": ["3", None]}, format="choice", columns=paths)


def test_options_that_are_the_same_for_every_question(tmp_path):
    columns = {"q": ["is it?", "was it?"], "answer": [True, False]}
    entry = {
        "columns": {"text": "q", "label": "answer"},
        "labels": ["false", "true"],
        "choices": ["no", "yes"],
    }
    table = from_files(tmp_path, columns, format="choice", **entry)[0]["train"].set_index("text")
    assert table["options"].tolist() == [["no", "yes"]] * 2
    assert table["label"].to_dict() == {"is it?": 1, "was it?": 0}


def test_choices_that_are_none(tmp_path):
    columns = {"text": ["a", "b"], "options": [["x", "y"], ["x", "y"]], "label": ["1", "2"]}
    with pytest.raises(
        ValueError, match='columns.label: 1 of 2 rows of \'train\' name an option.*labels: ."1", "2"'
    ):
        from_files(tmp_path, columns, **CHOICE)
    assert from_files(tmp_path, columns, **CHOICE, labels=["1", "2"])[0]["train"]["label"].max() == 1
    with pytest.raises(ValueError, match="columns.options: 1 of 2 rows of 'train' hold no list"):
        from_files(tmp_path, columns | {"options": [["x", "y"], "xy"]}, **CHOICE)
    with pytest.raises(ValueError, match="columns.options: 1 of 4 rows of 'train' have no 'options'"):
        from_files(tmp_path, columns | {"options": [["x", None], ["x", "y"]]}, **CHOICE)


@pytest.mark.parametrize("answers", [[1, 2, 1, 2], [1, 2, 1, 0], [0, 1, 0, 1]])
def test_answers_that_may_count_from_1_need_their_names(tmp_path, answers):
    columns = {"text": list("abcd"), "options": [["x", "y", "z"]] * 4, "label": answers}
    with pytest.raises(
        ValueError, match="tasks.mine.labels: missing; no row of 'train' has its first option"
    ) as told:
        # The last of them has its two ends in place only if its options were two.
        from_files(tmp_path, columns | ({"label": [1, 1, 2, 1]} if 2 in answers else {}), **CHOICE)
    assert 'labels: ["0", "1", ...], or ["1", "2", ...]' in str(told.value)
    found = from_files(tmp_path, columns, **CHOICE, labels=["0", "1", "2"])[0]["train"].sort_values("text")[
        "label"
    ]
    assert found.tolist() == answers


def test_paths_into_columns_say_what_there_is():
    table = pd.DataFrame({"choices": [{"text": ["a"], "label": ["A"]}], "a.b": ["dotted"], "flat": ["x"]})
    assert pick(table, "a.b", "key") == ["dotted"]
    with pytest.raises(
        ValueError, match="key: found no 'texts' in 'choices'; legal: text, label; did you mean 'text'"
    ):
        pick(table, "choices.texts", "key")
    with pytest.raises(ValueError, match="key: 'flat' is no nested column"):
        pick(table, "flat.text", "key")


# Names of examples, subsets


def shuffled(columns: dict[str, list], seed: int) -> dict[str, list]:
    order = np.random.default_rng(seed).permutation(len(next(iter(columns.values()))))
    return {name: [values[i] for i in order] for name, values in columns.items()}


def test_ids_follow_the_content_not_the_place(tmp_path):
    columns = {"text": ["a", "b", "a", "a", "", "ab"], "label": [0, 1, 0, 1, 0, 1]}
    first = from_files(tmp_path, columns, **ONE)[0]["train"]
    assert first["example_id"].is_unique and first["example_id"].dtype == np.int64
    for seed in range(5):
        pd.testing.assert_frame_equal(from_files(tmp_path, shuffled(columns, seed), **ONE)[0]["train"], first)
    fewer = {name: values[1:] for name, values in columns.items()}
    assert content(from_files(tmp_path, fewer, **ONE)[0]["train"]).items() < content(first).items()


def test_ids_tell_all_parts_apart():
    rows = [("ab", "c", 0), ("a", "bc", 0), ("ab", "c", 1), ("ab", "", 0), ("", "ab", 0)]
    table = pd.DataFrame({"text": [row[0] for row in rows], "text_pair": [row[1] for row in rows]})
    assert len(set(example_ids(table, [row[2] for row in rows]))) == len(rows)
    names = example_ids(pd.DataFrame({"text": ["a"], "options": [["b", "c"]]}), [0])
    assert names != example_ids(pd.DataFrame({"text": ["a"], "options": [["bc", ""]]}), [0])


def test_subsets_are_nested_stratified_and_free_of_order(tmp_path):
    rows = 200
    columns = {"text": [f"t{i}" for i in range(rows)], "label": [int(i % 5 == 0) for i in range(rows)]}
    whole = from_files(tmp_path, columns, **ONE)[0]["train"]
    for examples in (5, 40, 41, 199, 200):
        part, manifest = from_files(tmp_path, shuffled(columns, examples), **ONE, train_examples=examples)
        pd.testing.assert_frame_equal(part["train"], whole.iloc[:examples])
        assert abs(part["train"]["label"].sum() - examples / 5) <= 1
        assert len(part["validation"]) == rows
        assert manifest["splits"]["train"]["examples"] == examples
        assert manifest["splits"]["train"]["available"] == rows
    other = from_files(tmp_path, columns, **ONE, train_examples=40, subset_seed=1)[0]["train"]
    assert len(set(other["example_id"]) & set(whole["example_id"][:40])) < 20
    small = from_files(tmp_path, columns, **ONE, validation_examples=7)[0]
    assert (len(small["train"]), len(small["validation"])) == (rows, 7)
    with pytest.raises(ValueError, match="tasks.mine.train_examples: found 201; legal: up to 200"):
        from_files(tmp_path, columns, **ONE, train_examples=201)


@pytest.mark.parametrize("more", [{}, {"train_examples": 120}])
def test_shares_of_the_training_data_are_nested_and_stratified(tmp_path, more):
    rows = 200
    columns = {"text": [f"t{i}" for i in range(rows)], "label": [int(i % 5 == 0) for i in range(rows)]}
    whole = from_files(tmp_path, columns, **ONE, **more)[0]["train"]
    for percent in (100, 70, 50, 25, 10, 1):
        tables, manifest = from_files(tmp_path, columns, **ONE, **more, train_percent=percent)
        wanted = max(1, round(len(whole) * percent / 100))
        pd.testing.assert_frame_equal(tables["train"], whole.iloc[:wanted])
        assert abs(tables["train"]["label"].sum() - wanted / 5) <= 1
        assert len(tables["validation"]) == rows
        assert manifest["splits"]["train"]["examples"] == wanted


def test_the_first_rows_are_those_of_the_source_and_the_whole_is_the_same(tmp_path):
    rows = 200
    # Sorted by class, so that the first rows are of one class only.
    columns = {"text": [f"t{i}" for i in range(rows)], "label": [int(i >= 150) for i in range(rows)]}
    for percent in (100, 70, 10):
        part = from_files(tmp_path, columns, **ONE, train_percent=percent, subset="first", subset_seed=3)[0]
        assert set(part["train"]["text"]) == {f"t{i}" for i in range(rows * percent // 100)}
        assert len(part["validation"]) == rows
    assert part["train"]["label"].sum() == 0
    first, drawn = (from_files(tmp_path, columns, **ONE, subset=how)[0] for how in ("first", "stratified"))
    for split in first:
        pd.testing.assert_frame_equal(first[split], drawn[split])


def test_a_subset_is_drawn_evenly():
    ids = np.random.default_rng(0).integers(-(2**63), 2**63 - 1, 30)
    times = np.zeros(30)
    for seed in range(2000):
        times[subset_order(ids, np.zeros(30), seed)[:10]] += 1
    spread = np.sqrt(2000 / 3 * 2 / 3)
    assert abs(times - 2000 / 3).max() < 4.5 * spread


def test_a_generated_task_takes_the_same_form(monkeypatch):
    def generate_task(name, *, seed, world_seed, train, validation):
        assert (name, seed, world_seed) == ("keyword", 1, 2)
        rows = [{"text": f"word {i}", "label": i % 3} for i in range(train + validation)]
        return {"train": pd.DataFrame(rows[:train]), "validation": pd.DataFrame(rows[train:])}

    monkeypatch.setattr("junkdna.tasks.toy_world.generate_task", generate_task, raising=False)
    made = {"task": "keyword", "world_seed": 2, "seed": 1, "train": 50, "validation": 20}
    entry = {"format": "classification", "source": {"generate": made}, "train_examples": 30}
    tables, manifest = fetch_task(entry, name="toy")
    assert [len(tables[split]) for split in ("train", "validation")] == [30, 20]
    assert list(tables["train"].columns) == ["example_id", "text", "label"]
    assert manifest["num_labels"] == 3 and manifest["labels"] == ["0", "1", "2"]
    assert manifest["splits"]["train"]["classes"] == {"0": 10, "1": 10, "2": 10}
    assert manifest["source"] == {"generate": made}

"""Two writers of one file never meet in its temporary name, and what a killed one left is removed."""

import os
import subprocess
import sys
from multiprocessing import get_context

from junkdna.files import artifacts
from junkdna.files.unfinished import HOST, unfinished_name


def write_often(path, word):
    for _ in range(60):
        artifacts.write_text(path, word * 5000)


def test_two_writers_leave_a_whole_file_of_one_of_them(tmp_path):
    path = tmp_path / "t.txt"
    context = get_context("fork")
    writers = [context.Process(target=write_often, args=(path, word)) for word in ("a", "b")]
    for each in writers:
        each.start()
    seen = set()
    while any(each.is_alive() for each in writers):
        if path.exists():
            seen.add(path.read_text())
    assert [each.exitcode for each in writers] == [0, 0]
    assert seen | {path.read_text()} <= {"a" * 5000, "b" * 5000}
    assert [each.name for each in tmp_path.iterdir()] == ["t.txt"]


def test_what_a_dead_writer_left_goes_and_what_a_living_one_writes_stays(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = tmp_path / f".tmp-{HOST}-{dead.pid}-t.txt"
    folder = tmp_path / f".tmp-{HOST}-{dead.pid}-checkpoint"
    alive = tmp_path / f".tmp-{HOST}-{os.getppid()}-t.txt"
    elsewhere = tmp_path / f".tmp-00000000-{dead.pid}-t.txt"
    of_another = tmp_path / f".tmp-{HOST}-{dead.pid}-at.txt"
    for each in (left, alive, elsewhere, of_another):
        each.write_text("half")
    (folder / "deep").mkdir(parents=True)
    artifacts.write_text(tmp_path / "t.txt", "whole")
    with artifacts.whole_folder(tmp_path / "checkpoint") as partial:
        (partial / "config.json").write_text("{}")
    found = {each.name for each in tmp_path.iterdir()}
    assert found == {"t.txt", "checkpoint", alive.name, elsewhere.name, of_another.name}


def test_a_name_with_signs_of_patterns_is_taken_as_it_is(tmp_path):
    path = tmp_path / "t[1]*.txt"
    artifacts.write_text(path, "x")
    assert path.read_text() == "x" and unfinished_name(path).suffix == ".txt"

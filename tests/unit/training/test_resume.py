"""A killed training goes on from its last saved step and ends with the same bits."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from junkdna.inference.result import Result
from junkdna.tasks.tokens import Tokens
from junkdna.training.loop import finetune
from trainings import DENSE, PRUNED, run_of, save_checkpoint
from trainings import SPEC as TWO_EPOCHS

# Saved after every step.
SPEC = replace(TWO_EPOCHS, batch_size=3, save_minutes=1e-9)
TIMES = ["examples_per_second"]


class Interruption(Exception):
    """Stands for whatever ends a job."""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def whole(checkpoint, tmp_path_factory):
    """A sparse run that nothing interrupted."""
    return run(checkpoint, tmp_path_factory.mktemp("whole") / "state.safetensors")


def make_tokens(examples: int, seed: int) -> Tokens:
    draw = np.random.default_rng(seed)
    lengths = draw.integers(3, 12, examples)
    return Tokens(
        input_ids=torch.from_numpy(draw.integers(10, 40, lengths.sum())).int(),
        offsets=torch.from_numpy(np.cumsum([0, *lengths])),
        segments=None,
        example_id=torch.arange(examples),
        label=torch.from_numpy(draw.integers(0, 2, examples)),
        options=None,
        format="classification",
        num_labels=2,
        pad_id=0,
    )


def run(
    checkpoint,
    state: Path,
    *,
    regime="sparse",
    spec=SPEC,
    fingerprint="x",
    seed=5,
    traced=False,
    after_step=None,
) -> Result:
    recipe = DENSE if regime in ("dense", "scratch") else PRUNED
    settings = {"train": make_tokens(40, 1), "validation": make_tokens(12, 2), "recipe": recipe}
    made = run_of(checkpoint, regime=regime, spec=spec, seed=seed, **settings)
    return finetune(made, state=state, fingerprint=fingerprint, traced=traced, after_step=after_step)


def interrupt_at(last: int):
    def after_step(step, model):
        if step == last:
            raise Interruption

    return after_step


def kill_at(last: int):
    def after_step(step, model):
        if step == last:
            os.kill(os.getpid(), signal.SIGKILL)

    return after_step


def assert_same(first: Result, second: Result) -> None:
    for column in ("example_id", "target", "prediction", "correct", "loss"):
        assert (first.predictions[column] == second.predictions[column]).all(), column
    assert np.array_equal(np.stack(first.predictions.scores), np.stack(second.predictions.scores))
    assert first.history.drop(columns=TIMES).equals(second.history.drop(columns=TIMES))


@pytest.mark.parametrize("regime", ["dense", "sparse", "freeze", "regrow", "gradual", "reinit", "scratch"])
def test_an_interrupted_run_ends_with_the_same_bits(checkpoint, tmp_path, regime):
    state = tmp_path / "run" / "state.safetensors"
    whole = run(
        checkpoint, tmp_path / "other.safetensors", regime=regime, spec=replace(SPEC, save_minutes=0.0)
    )
    steps = []
    for last in (5, 9):  # inside the first epoch, then inside the second; gradual: half grown, then final
        with pytest.raises(Interruption):
            run(checkpoint, state, regime=regime, after_step=interrupt_at(last))
        assert state.exists()
    resumed = run(checkpoint, state, regime=regime, after_step=lambda step, model: steps.append(step))
    assert steps == [10, 11, 12, 13, 14], "it went on where the state was saved"
    assert_same(whole, resumed)
    assert not any(state.parent.iterdir()), "nothing stays behind"
    for fact in ("steps", "sparsity", "first_loss", "final_loss", "min_loss"):
        assert whole.facts[fact] == resumed.facts[fact]


@pytest.mark.parametrize("stops", [(5, 9), (7, 14), (3, 6)], ids=["inside epochs", "at their ends", "before"])
def test_an_interrupted_trace_is_whole(checkpoint, tmp_path, stops):
    whole = run(checkpoint, tmp_path / "other.safetensors", regime="dense", traced=True)
    for last in stops:
        with pytest.raises(Interruption):
            run(checkpoint, tmp_path / "state", regime="dense", traced=True, after_step=interrupt_at(last))
    resumed = run(checkpoint, tmp_path / "state", regime="dense", traced=True)
    assert_same(whole, resumed)
    assert len(whole.confidences) == 80 and whole.confidences.equals(resumed.confidences)


def test_a_traced_run_does_not_go_on_from_an_untraced_state(checkpoint, tmp_path, capfd):
    state = tmp_path / "state.safetensors"
    with pytest.raises(Interruption):
        run(checkpoint, state, regime="dense", after_step=interrupt_at(9))
    traced = run(checkpoint, state, regime="dense", traced=True)
    assert traced.confidences.epoch.unique().tolist() == [1, 2]
    assert "another training" in capfd.readouterr().err


def test_a_run_killed_after_its_last_step_only_predicts(checkpoint, tmp_path, whole):
    state = tmp_path / "state.safetensors"
    with pytest.raises(Interruption):
        run(checkpoint, state, after_step=interrupt_at(14))
    assert_same(whole, run(checkpoint, state, after_step=interrupt_at(0)))


def test_a_run_killed_by_the_system_ends_with_the_same_bits(checkpoint, tmp_path, whole):
    state = tmp_path / "state.safetensors"
    code = "import runpy, sys; runpy.run_path(sys.argv[1])['run_and_die'](*sys.argv[2:])"
    killed = subprocess.run(
        [sys.executable, "-c", code, __file__, str(checkpoint), str(state)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert state.exists()
    steps = []
    resumed = run(checkpoint, state, after_step=lambda step, model: steps.append(step))
    assert steps[0] == 7
    assert_same(whole, resumed)


def run_and_die(checkpoint: str, state: str) -> None:
    """The other process of the test above."""
    torch.set_num_threads(1)
    run(checkpoint, Path(state), after_step=kill_at(6))


def leave_state(checkpoint, state: Path, **settings) -> None:
    with pytest.raises(Interruption):
        run(checkpoint, state, after_step=interrupt_at(4), **settings)


def test_the_state_of_another_training_is_passed_over(checkpoint, tmp_path, capfd, whole):
    state = tmp_path / "state.safetensors"
    leave_state(checkpoint, state, fingerprint="other", seed=6)
    steps = []
    outcome = run(checkpoint, state, after_step=lambda step, model: steps.append(step))
    assert steps == list(range(1, 15))
    assert_same(whole, outcome)
    assert "another training" in capfd.readouterr().err


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]


@pytest.mark.parametrize(
    "damage",
    ["empty", "short", "half", "header", "text", "list", "bit of a weight", "bit of the record", "tail"],
)
def test_a_broken_state_is_passed_over_with_a_warning(checkpoint, tmp_path, capfd, whole, damage):
    state = tmp_path / "state.safetensors"
    leave_state(checkpoint, state)
    content = state.read_bytes()
    broken = {
        "empty": b"",
        "short": content[:5],
        "half": content[: len(content) // 2],
        "header": content[:8] + b"\xff" * 64 + content[72:],
        "text": b"not a state at all, but long enough to be taken for one",
        "list": (2).to_bytes(8, "little") + b"[]",
        "bit of a weight": flipped(content, len(content) * 3 // 4),
        "bit of the record": flipped(content, content.index(b"total_examples") + 20),
        # The state of the random generator is among the last tensors.
        "tail": content[: -len(content) // 5] + bytes(len(content) // 5),
    }
    state.write_bytes(broken[damage])
    outcome = run(checkpoint, state)
    assert_same(whole, outcome)
    told = capfd.readouterr().err
    assert f"warning: state {state} cannot be used" in told and "starting afresh" in told
    assert not state.exists()


def test_no_state_is_written_unless_asked_for(checkpoint, tmp_path):
    state = tmp_path / "state.safetensors"

    def after_step(step, model):
        assert not state.exists()

    run(checkpoint, state, spec=replace(SPEC, save_minutes=0.0), after_step=after_step)
    run(checkpoint, state, spec=replace(SPEC, save_minutes=60.0), after_step=after_step)

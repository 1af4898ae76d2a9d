"""The path between two solutions: its ends are the runs themselves, its middle is the mean of the weights."""

import numpy as np
import pytest
import torch

from described import untrue
from junkdna.files.artifacts import read_tensors
from junkdna.inference.batches import load_data, pad_batches
from junkdna.inference.mode_connectivity import interpolate
from junkdna.inference.result import write_result
from junkdna.models.load import load_classifier
from junkdna.statistics.metrics import score
from trainings import DENSE, PRUNED, SPEC, make_tokens, run, save_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save_checkpoint(tmp_path_factory.mktemp("checkpoint"))


def solve(checkpoint, folder, recipe, regime, format="classification"):
    """A run and the weights that it left in a file."""
    train, validation = make_tokens(30, 1, format), make_tokens(13, 2, format)
    outcome = run(checkpoint, folder, recipe=recipe, regime=regime, train=train, validation=validation)
    made = {name: str(folder / f"{regime}-{name}") for name in ("predictions", "history", "metrics", "model")}
    write_result(made, outcome, keys={"seed": 5}, code="x")
    return outcome, read_tensors(made["model"])


def walk(checkpoint, dense, other, format="classification", metric="accuracy", precision="fp32"):
    path, losses = interpolate(
        checkpoint=checkpoint,
        train=make_tokens(30, 1, format),
        validation=make_tokens(13, 2, format),
        dense=dense,
        other=other,
        precision=precision,
        metric=metric,
        device="cpu",
    )
    assert untrue("path", path) + untrue("losses", losses) == []
    return path, losses


@pytest.mark.parametrize(
    ("format", "metric"), [("classification", "accuracy"), ("regression", "pearson"), ("choice", "accuracy")]
)
def test_the_ends_are_the_runs_to_the_bit(checkpoint, tmp_path, format, metric):
    first, dense = solve(checkpoint, tmp_path, DENSE, "dense", format)
    last, other = solve(checkpoint, tmp_path, PRUNED, "sparse", format)
    path, losses = walk(checkpoint, dense, other, format, metric)
    np.testing.assert_allclose(path.alpha, np.linspace(0, 1, 11), rtol=0, atol=1e-15)
    assert losses.columns.tolist() == ["example_id", "alpha", "loss", "prediction", "target"]
    for alpha, outcome in ((0.0, first), (1.0, last)):
        at = losses[losses.alpha == alpha].reset_index(drop=True)
        for column in ("example_id", "loss", "prediction", "target"):
            assert at[column].equals(outcome.predictions[column]), (alpha, column)
        row = path[path.alpha == alpha].iloc[0]
        assert row.loss == outcome.predictions.loss.mean()
        assert row.score == score(metric, outcome.predictions.target, outcome.predictions.prediction)[0]


def test_the_middle_is_the_model_of_the_mean_weights(checkpoint, tmp_path):
    _, dense = solve(checkpoint, tmp_path, DENSE, "dense")
    _, other = solve(checkpoint, tmp_path, PRUNED, "sparse")
    _, losses = walk(checkpoint, dense, other)
    model = load_classifier(checkpoint, 2, 99).eval()
    missing = model.load_state_dict(
        {name: 0.7 * dense[name] + 0.3 * other[name] for name in dense}, strict=False
    ).missing_keys
    assert not [name for name in missing if "position_ids" not in name], "the head is on the path, too"
    data = load_data(make_tokens(13, 2), torch.device("cpu"))
    at = losses[np.isclose(losses.alpha, 0.3)]
    batches = pad_batches(data, [np.array([i]) for i in range(13)])
    for found, batch in zip(at.loss, batches, strict=True):
        with torch.no_grad():
            logits = model(input_ids=batch.inputs["input_ids"]).logits
        expected = torch.nn.functional.cross_entropy(logits, batch.labels)
        assert found == pytest.approx(expected.item(), abs=1e-5)


def test_a_solution_of_another_model_is_refused(checkpoint, tmp_path):
    _, dense = solve(checkpoint, tmp_path, DENSE, "dense")
    name = "classifier.weight"
    with pytest.raises(ValueError, match=f"other: 1 tensors do not fit the checkpoint, first '{name}'"):
        walk(checkpoint, dense, dense | {name: dense[name][:1]})


def test_a_diverged_end_gives_no_number_there_and_a_path_all_the_same(checkpoint, tmp_path):
    outcome, dense = solve(checkpoint, tmp_path, DENSE, "dense")
    broken = {name: torch.full_like(weight, torch.nan) for name, weight in dense.items()}
    path, _ = walk(checkpoint, dense, broken)
    assert path.loss.isna().tolist() == [False] + [True] * 10 == path.score.isna().tolist()
    assert path.loss[0] == outcome.predictions.loss.mean()


def test_the_kept_weights_are_all_that_trained(checkpoint, tmp_path):
    outcome, dense = solve(checkpoint, tmp_path, DENSE, "dense")
    assert dense.keys() == {name for name, _ in outcome.model.named_parameters()}
    assert all(torch.equal(dense[name], value) for name, value in outcome.model.named_parameters())
    assert SPEC.precision == "fp32" and all(value.dtype == torch.float32 for value in dense.values())

"""A regression is trained in standard deviations and reported in its own unit."""

import pandas as pd
import torch

from junkdna.inference.label_scale import Scale
from junkdna.tasks.tokens import Tokens


def tokens(labels: list[float], form: str = "regression") -> Tokens:
    n = len(labels)
    return Tokens(
        input_ids=torch.zeros(n, dtype=torch.int32),
        offsets=torch.arange(n + 1),
        segments=None,
        example_id=torch.arange(n),
        label=torch.tensor(labels) if form == "regression" else torch.tensor(labels, dtype=torch.int64),
        options=None,
        format=form,
        num_labels=1,
        pad_id=0,
    )


def test_training_labels_have_mean_zero_and_variance_one():
    train = tokens([1.0, 3.0, 5.0, 7.0])
    label = Scale.of(train).shrink(train).label
    assert abs(float(label.mean())) < 1e-6 and abs(float(label.var(correction=0)) - 1) < 1e-6


def test_predictions_come_back_in_the_unit_of_the_labels():
    train, validation = tokens([1.0, 3.0, 5.0, 7.0]), tokens([2.0, 9.0])
    scale = Scale.of(train)
    small = scale.shrink(validation).label
    guess = small + torch.tensor([0.5, -1.0])
    made = pd.DataFrame(
        {"target": small, "prediction": guess, "loss": (guess - small) ** 2, "scores": [[0.0]] * 2}
    )
    back = scale.restore(made, validation)
    spread = 5**0.5
    assert back["target"].tolist() == [2.0, 9.0]
    assert abs(back["prediction"] - [2 + 0.5 * spread, 9 - spread]).max() < 1e-5
    assert abs(back["loss"] - [0.25 * 5, 5.0]).max() < 1e-4
    assert abs(back["scores"].str[0] - back["prediction"]).max() < 1e-5


def test_classes_and_constants_are_left_alone():
    classes = tokens([0, 1, 1], "classification")
    assert Scale.of(classes).shrink(classes) is classes
    constant = tokens([2.0, 2.0])
    assert Scale.of(constant).shrink(constant).label.tolist() == [0.0, 0.0]

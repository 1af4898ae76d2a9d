"""The unit in which a regression is trained: standard deviations of the training labels from their mean.

A new head starts near zero. Raw labels far from it would cost a short training all its steps to find their
mean, and the run would count as collapsed for that alone. The losses of the history and the facts, prior
included, are in squared standard deviations; those of the predictions are in the unit of the labels.
"""

from dataclasses import dataclass, replace
from typing import Self

import pandas as pd

from junkdna.tasks.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Scale:
    """label = centre + spread * trained label; (0, 1) for classes."""

    centre: float
    spread: float

    @classmethod
    def of(cls, train: Tokens) -> Self:
        """The scale of the labels to train on. Constant labels keep their spread of 1."""
        if train.format != "regression":
            return cls(0.0, 1.0)
        label = train.label.double()
        return cls(float(label.mean()), float(label.std(correction=0)) or 1.0)

    def shrink(self, tokens: Tokens) -> Tokens:
        """The same examples with standardised labels."""
        if tokens.format != "regression":
            return tokens
        return replace(tokens, label=((tokens.label.double() - self.centre) / self.spread).float())

    def restore(self, predictions: pd.DataFrame, tokens: Tokens) -> pd.DataFrame:
        """The predictions of `tokens` in the unit of its own labels; losses become squared errors in it."""
        if tokens.format != "regression":
            return predictions
        value = self.centre + self.spread * predictions["prediction"]
        return predictions.assign(
            target=tokens.label.double().numpy(),
            prediction=value,
            loss=(predictions["loss"] * self.spread**2).astype("float32"),
            scores=[[float(one)] for one in value.astype("float32")],
        )

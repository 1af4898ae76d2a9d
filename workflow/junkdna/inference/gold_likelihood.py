"""How likely a model finds the right answers of free questions: nothing is written, and no options are compared.

An answer's likelihood is the geometric mean of the probabilities of its tokens; of several right ones that of the
likeliest. As a probability it has a floor, as a share of right answers has; its logarithm has none, and a few questions
would outweigh all others.
"""

import numpy as np
import pandas as pd
from transformers import PreTrainedModel

from junkdna.inference.options import shares, target_sums
from junkdna.tasks.asked import Asked
from junkdna.tasks.encode_prompts import Encoded


def likelihood_of_gold(model: PreTrainedModel, asked: Asked, precision: str) -> pd.DataFrame:
    """Score the gold answers of every question; one row a question, in the order of `asked`.

    Columns: `files.runs_columns.PREDICTIONS`. A question whose answers have no number after it, or after the other one
    (`Asked.another`), has none.
    """
    encoded, other = asked.encoded(), asked.another()
    # Behind each context lie its own answers, then those that are tried after it.
    tried = np.argsort(other)
    both = [
        Encoded(each.context, (*each.targets, *encoded[tried[i]].targets)) for i, each in enumerate(encoded)
    ]
    sums = target_sums(model, both, precision, fast=shares(model, both, precision))
    means = [
        values / [len(target) for target in each.targets] for values, each in zip(sums, both, strict=True)
    ]
    count = [len(each.targets) for each in encoded]
    own = np.array([values[:number].max() for values, number in zip(means, count, strict=True)])
    after = np.array([values[number:].max() for values, number in zip(means, count, strict=True)])[other]
    known = np.isfinite(own) & np.isfinite(after)
    return pd.DataFrame(
        {
            "example_id": asked.example_id.numpy(),
            "target": np.ones(len(asked)),
            "prediction": np.where(known, np.exp(own), np.nan),
            "correct": pd.array([pd.NA] * len(asked), dtype="boolean"),
            "loss": -own.astype(np.float32),
            "scores": [np.array([each], dtype=np.float32) for each in own],
            "by_chance": np.exp(after),
        }
    )

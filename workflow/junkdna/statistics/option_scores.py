"""By which number the options of a question are compared: one function for every score rule."""

from typing import Any

import numpy as np

RULES = ("sum", "char", "token", "pmi")


def score_by(rule: str, *, sums: Any, tokens: Any, characters: Any, null_sums: Any) -> np.ndarray:
    """The scores of options by one of RULES, from what predictions keep of each; arrays of one shape.

    The sum of the log-probabilities of an option's tokens; by character or by token of it; or less the sum after the
    null prompt (pmi).
    """
    sums = np.asarray(sums)
    if rule == "pmi":
        return sums - null_sums
    return sums / {"sum": 1, "char": np.maximum(characters, 1), "token": tokens}[rule]

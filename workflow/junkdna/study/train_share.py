"""How many examples a share of a training set holds.

A module of its own, standard library only: the price of a study asks it as well as the stage that takes the
examples, and an edit elsewhere must not fetch every task anew.
"""


def percent_of(rows: int, percent: int) -> int:
    """The nearest whole number of rows, a half to the even one, at least one.

    As `train[:50%]` of Hugging Face `datasets` rounds, by which the paper takes its shares.
    """
    return max(1, round(rows * percent / 100))

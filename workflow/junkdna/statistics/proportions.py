"""Intervals of shares and of their differences that hold for small numbers, and at 0 and 1 too."""

from math import sqrt
from statistics import NormalDist


def wilson(hits: float, number: float, share: float = 0.95) -> tuple[float, float]:
    """Interval of a rate of `hits` among `number` (Wilson 1927, Probable inference); (NaN, NaN) for none."""
    if not number:
        return float("nan"), float("nan")
    z = NormalDist().inv_cdf((1 + share) / 2)
    rate = hits / number
    middle = (rate + z * z / (2 * number)) / (1 + z * z / number)
    reach = z / (1 + z * z / number) * sqrt(rate * (1 - rate) / number + z * z / (4 * number * number))
    return max(middle - reach, 0.0), min(middle + reach, 1.0)


def difference(
    one: tuple[float, float], other: tuple[float, float], share: float = 0.95
) -> tuple[float, float, float]:
    """Rate of `one` minus that of `other`, each (hits, number), with its interval.

    Newcombe (1998), Interval estimation for the difference between independent proportions, method 10: the Wilson
    limits of both, squared and added.
    """
    (hits, number), (other_hits, other_number) = one, other
    rate, other_rate = hits / number, other_hits / other_number
    (low, high), (other_low, other_high) = (
        wilson(hits, number, share),
        wilson(other_hits, other_number, share),
    )
    apart = rate - other_rate
    below = sqrt((rate - low) ** 2 + (other_high - other_rate) ** 2)
    above = sqrt((high - rate) ** 2 + (other_rate - other_low) ** 2)
    return apart, apart - below, apart + above


def p_difference(one: tuple[float, float], other: tuple[float, float], null: float) -> float:
    """One-sided p that the rate of `one` minus that of `other` is not above `null`, of the same interval."""
    apart = difference(one, other)[0]
    if apart == null:
        return 0.5
    above = apart > null
    narrow, wide = 0.0, 1.0 - 1e-9
    for _ in range(60):  # The interval grows with its share until its limit is the null.
        share = (narrow + wide) / 2
        _, low, high = difference(one, other, share)
        reached = low <= null if above else high >= null
        narrow, wide = (narrow, share) if reached else (share, wide)
    return (1 - wide) / 2 if above else (1 + wide) / 2

"""The newest point against the median of those before it. Knows nothing of the host, so that it can be tested
without one.

The unit is the median absolute deviation: up to half of the earlier points may be outliers without moving it.
"""

import math
from typing import NamedTuple

# Turns a median absolute deviation into a standard deviation, for normally distributed points.
TO_DEVIATION = 1.4826
# Half the width of the band, in deviations: the usual threshold of rules.
BAND = 3
# Two points to compare with and one to judge.
MIN_POINTS = 3


class Verdict(NamedTuple):
    score: float
    expected: float
    lower: float
    upper: float


# A score of NaN leaves the series out of the result.
NONE = Verdict(math.nan, math.nan, math.nan, math.nan)


def judge(points: list[float], min_spread: float) -> Verdict:
    """Gaps (NaN) and infinities among the earlier points are left out."""
    history = [point for point in points[:-1] if math.isfinite(point)]
    if len(history) < MIN_POINTS - 1 or math.isnan(points[-1]):
        return NONE
    center = median(history)
    spread = max(median([abs(point - center) for point in history]) * TO_DEVIATION, min_spread)
    return Verdict(
        score(points[-1] - center, spread), center, center - BAND * spread, center + BAND * spread
    )


def median(points: list[float]) -> float:
    ordered = sorted(points)
    middle = len(ordered) // 2
    if len(ordered) % 2 == 1:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def score(distance: float, spread: float) -> float:
    """A series that never moved scores 0 while it stays, and infinity when it leaves."""
    if distance == 0:
        return 0.0
    return distance / spread if spread > 0 else math.copysign(math.inf, distance)

"""A detector with one function, `mad`; the arithmetic is in `mad.py`."""

import math

from componentize_py_types import Err
from mad import MIN_POINTS, judge
from wit_world import exports
from wit_world.exports import functions as wit
from wit_world.imports.types import About

# Name in expressions. No two plugins may share one, so rename it with the plugin.
FUNCTION = "mad"
DEFAULT_MIN_SPREAD = 0.0


class Functions(exports.Functions):
    def describe(self) -> tuple[About, list[wit.Function]]:
        about = About(
            name="__NAME__",
            version="0.1.0",
            summary="How far the newest point is from the median, in robust deviations",
            homepage=None,
            settings=[],
        )
        min_spread = wit.Param(
            name="min_spread",
            help="Smallest deviation that counts, in the metric's own unit: the step of a coarse sensor",
            default=DEFAULT_MIN_SPREAD,
        )
        function = wit.Function(
            name=FUNCTION,
            help="Deviations between the newest point and the median of those before it",
            windows=1,
            params=[min_spread],
            min_points=MIN_POINTS,
        )
        return about, [function]

    def evaluate(
        self, function: str, params: list[float], at: int, windows: list[wit.Matrix]
    ) -> wit.Verdicts:
        if function != FUNCTION or len(windows) != 1:
            raise Err(wit.Error_BadParam(f"there is no function {function} of {len(windows)} windows"))
        min_spread = params[0] if params else DEFAULT_MIN_SPREAD
        if not (math.isfinite(min_spread) and min_spread >= 0):
            raise Err(wit.Error_BadParam(f"min_spread is {min_spread:g}; it must be 0 or more"))
        verdicts = [judge(points, min_spread) for points in series(windows[0])]
        return wit.Verdicts(
            score=[verdict.score for verdict in verdicts],
            expected=[verdict.expected for verdict in verdicts],
            lower=[verdict.lower for verdict in verdicts],
            upper=[verdict.upper for verdict in verdicts],
        )


def series(window: wit.Matrix) -> list[list[float]]:
    """The values of each series, oldest first."""
    bounds = zip(window.offsets, window.offsets[1:])
    return [window.values[begin:end] for begin, end in bounds]

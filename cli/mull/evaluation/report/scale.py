"""Axes of a plot: from a value to its place, and the values that get a label.

In: positive values, all of one axis. Out: a `Scale`; places are 0.0 (its start) to 1.0 (its end). Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from mull.dataclass import dataclass

LOG_FROM = 20.0
"""The ratio of the greatest to the least value from which an axis is logarithmic: below, a linear one tells them
apart."""
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)  # times a power of ten: what people count in
_LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class Scale:
    """`low` and `high`: the values at the ends of the axis. `log`: equal ratios have equal lengths."""

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Where the value is, within the axis."""
        if self.log:
            found = math.log(max(value, _LEAST) / self.low) / math.log(self.high / self.low)
        else:
            found = (value - self.low) / (self.high - self.low)
        return min(max(found, 0.0), 1.0)

    def ticks(self, most: int = 6) -> list[float]:
        """At most `most` round values within the axis, in order."""
        if self.log:
            return self._log_ticks(most)
        step = _step((self.high - self.low) / max(most - 1, 1))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(number * step, 10) for number in range(first, last + 1)]

    def _log_ticks(self, most: int) -> list[float]:
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for parts in ((1, 2, 5), (1, 3), (1,)):
            found = [part * 10.0**power for power in decades for part in parts]
            found = [value for value in found if self.low * 0.999 <= value <= self.high * 1.001]
            if len(found) <= most:
                return found
        return found[:: math.ceil(len(found) / most)]


def seconds_scale(values: Iterable[float]) -> Scale:
    """An axis of durations: from 0, or logarithmic where they differ by more than `LOG_FROM` times."""
    found = [max(value, 0.0) for value in values] or [1.0]
    low, high = max(min(found), _LEAST), max(*found, 1e-3)
    if high / low > LOG_FROM and min(found) > 0:
        return Scale(low / 1.5, high * 1.5, log=True)
    step = _step(high * 1.1 / 5)
    return Scale(0.0, math.ceil(high * 1.1 / step) * step)


def _step(least: float) -> float:
    """The smallest round step that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(max(least, _LEAST)))
    return next(power * one for one in _STEPS if power * one >= least * 0.999)


def tick_text(value: float) -> str:
    """`0.5`, `2`, `0.002`, `1,000`."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"

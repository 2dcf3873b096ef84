"""The marks of a plot: accuracy against seconds per answer, one mark for each model and mode.

In: the groups of a run. Out: `Mark` values, each with a letter that names it wherever it is shown, so that no colour is
needed to tell marks apart.
"""

from __future__ import annotations

from collections.abc import Sequence

from mull.dataclass import dataclass
from mull.evaluation.report.groups import Group

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Mark:
    """`seconds`: per answer. `share`, `low`, `high`: the accuracy and its interval, 0.0 to 1.0.

    `model_number`, `mode_number`: the place of its model and its mode among those of the plot, for colours and shapes.
    """

    letter: str
    label: str
    seconds: float
    share: float
    low: float
    high: float
    model_number: int = 0
    mode_number: int = 0

    @property
    def figures(self) -> str:
        """`83%, 1.2 s`."""
        digits = 1 if self.seconds >= 0.95 else 2
        return f"{self.share:.0%}, {self.seconds:.{digits}f} s"


def letter_of(number: int) -> str:
    """A, B, … Z, AA, AB, …"""
    text = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, len(_ALPHABET))
        text = _ALPHABET[rest] + text
    return text


def marks(groups: Sequence[Group]) -> list[Mark]:
    """One for each group that has answers; letters count all groups, as the tables do."""
    models = list(dict.fromkeys(group.model for group in groups))
    modes = list(dict.fromkeys(group.mode for group in groups))
    return [
        Mark(
            letter_of(number),
            group.label,
            group.seconds_each,
            group.accuracy,
            *group.interval,
            models.index(group.model),
            modes.index(group.mode),
        )
        for number, group in enumerate(groups)
        if group.judged
    ]

"""Tables of a run, as rows of text: the page and the card draw the same ones.

In: groups. Out: a `Table`: headings, rows, and which columns are numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

from mull.dataclass import dataclass
from mull.evaluation.report.against import Against, between, interval_of, meaning, of_amount
from mull.evaluation.report.groups import Group, suites_of
from mull.evaluation.report.marks import letter_of
from mull.evaluation.statistics import Interval


@dataclass(frozen=True, slots=True)
class Table:
    """`heads`; `rows` of as many texts. From column `numbers` on, all are numbers, up to the column `words`, if any."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: int
    words: int | None = None

    def is_number(self, column: int) -> bool:
        """Whether that column has numbers."""
        return column >= self.numbers and not self.is_words(column)

    def is_words(self, column: int) -> bool:
        """Whether that column has words after the numbers, which may need several lines."""
        return self.words is not None and column >= self.words


def percent(share: float) -> str:
    """`83%`; `99.5%` where rounding would say all, or none."""
    text = f"{share:.0%}"
    return f"{share:.1%}" if text in {"0%", "100%"} and share not in {0.0, 1.0} else text


def interval_text(interval: tuple[float, float]) -> str:
    """`71% to 90%`."""
    low, high = interval
    return f"{low:.0%} to {high:.0%}"


def seconds_text(seconds: float) -> str:
    """`0.42`, `1.2`, `38`."""
    return f"{seconds:.{2 if seconds < 0.995 else 1 if seconds < 9.95 else 0}f}"


def results(groups: Sequence[Group]) -> Table:
    """One row for each model and mode. Columns that are zero in every row are left out."""
    columns: list[tuple[str, list[str]]] = [
        ("", [letter_of(number) for number in range(len(groups))]),
        ("Model", [group.model for group in groups]),
        ("Thinking", [group.mode_text for group in groups]),
        ("Right", [f"{group.right}/{group.judged}" for group in groups]),
        ("Accuracy", [percent(group.accuracy) if group.judged else "–" for group in groups]),
        ("95% interval", [interval_text(group.interval) if group.judged else "–" for group in groups]),
        ("Seconds each", [seconds_text(group.seconds_each) for group in groups]),
        ("Tokens each", [f"{group.tokens_each:,.0f}" for group in groups]),
        ("Of them thought", [_thought(group) for group in groups]),
        ("Tokens per right answer", [_per_right(group) for group in groups]),
    ]
    for head, counts in (
        ("Cut", [group.unfinished for group in groups]),
        ("No answer", [group.failed for group in groups]),
        ("Unclear", [group.unclear for group in groups]),
    ):
        if any(counts):
            columns.append((head, [str(count) for count in counts]))
    return Table([head for head, _ in columns], list(zip(*(cells for _, cells in columns), strict=True)), 3)


def by_suite(groups: Sequence[Group]) -> Table:
    """A row for each suite, a column for each group: the accuracy with its interval."""
    rows = []
    for suite in suites_of(groups):
        parts = [group.of_suite(suite) for group in groups]
        most = max(len({one.id for one in part.answers}) for part in parts)
        rows.append([suite, str(most), *map(_share, parts)])
    return Table(["Suite", "Questions", *(letter_of(number) for number in range(len(groups)))], rows, 1)


def _share(group: Group) -> str:
    if not group.judged:
        return "–"
    low, high = group.interval
    return f"{percent(group.accuracy)} ({low * 100:.0f}–{high * 100:.0f})"


def beside(found: Sequence[Against]) -> Table:
    """A model beside its base: a row for each mode and measure, with the interval of the difference."""
    rows: list[Sequence[str]] = []
    for one in found:
        for share in one.shares:
            change = f"{(share.model - share.base) * 100:+.0f} points"
            figures = (percent(share.base), percent(share.model), change, _points(between(share)))
            rows.append((one.mode, share.name, f"{share.pairs:,}", *figures, meaning(share)))
        for amount in one.amounts:
            digits = 2 if max(amount.base, amount.model) < 10 else 0
            shown = (f"{amount.base:,.{digits}f}", f"{amount.model:,.{digits}f}")
            change = f"{amount.model - amount.base:+,.{digits}f}"
            interval = _range(interval_of(amount), f"+,.{digits}f")
            pairs = f"{len(amount.differences):,}"
            rows.append((one.mode, amount.name, pairs, *shown, change, interval, of_amount(amount)))
    heads = ["Thinking", "Measure", "Pairs", "Base", "Model", "Change", "95% interval", "Meaning"]
    return Table(heads, rows, 2, 7)


def _points(interval: Interval | None) -> str:
    return _range(interval and (interval[0] * 100, interval[1] * 100), "+.0f")


def _range(interval: Interval | None, form: str) -> str:
    return "–" if interval is None else f"{interval[0]:{form}} to {interval[1]:{form}}"


def _thought(group: Group) -> str:
    tokens = group.thinking_tokens + group.answer_tokens
    return f"{group.thinking_tokens / tokens:.0%}" if tokens else "–"


def _per_right(group: Group) -> str:
    tokens = group.tokens_per_right
    return "–" if tokens is None else f"{tokens:,.0f}"

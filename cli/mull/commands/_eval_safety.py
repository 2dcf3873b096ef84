"""How `mull eval` shows the safety questions: what it cannot show first, then counts, categories, and a sample to read.

In: summaries. Out: text on stdout; a pipe gets rows alone, and the limits as a note.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mull.dataclass import dataclass
from mull.terminal.console.sanitize import one_line
from mull.terminal.console.streams import Streams

if TYPE_CHECKING:
    from mull.commands._eval_folder import RunFolder
    from mull.commands._eval_plan import Plan
    from mull.evaluation.safety.summary import Rate, SafetyAnswer, SafetySummary

SAMPLE = 6
"""Replies of the sample that are shown on a terminal where --sample says nothing."""
_MOST_COLUMNS = 4  # models and modes beside each other, by category
_LONGEST = 400  # characters of a reply in the sample


@dataclass(frozen=True, slots=True)
class SafetyReport:
    """The safety questions of a run; nothing of it is shown where the run has none."""

    found: Sequence[SafetySummary]
    sample: Sequence[SafetyAnswer]

    @contextmanager
    def around(self, streams: Streams, *, quiet: bool) -> Iterator[None]:
        """Show the limits before what the caller shows, and the counts after it."""
        self.show_limits(streams, quiet=quiet)
        yield
        self.show(streams)

    def show_limits(self, streams: Streams, *, quiet: bool) -> None:
        """What the figures cannot show: it stands before all of them."""
        from mull.evaluation.safety.summary import LIMITS
        from mull.terminal.console.width import wrap

        if self.found and streams.stdout_tty:
            lines = [part for line in LIMITS for part in wrap(line, streams.width - 1)]
            streams.write("".join(f"{line}\n" for line in lines) + "\n")
        elif self.found and not quiet:
            streams.note(" ".join(LIMITS))

    def show(self, streams: Streams) -> None:
        """The counts of each model and mode, the categories, the sample."""
        from mull.evaluation.safety.summary import MEASURES
        from mull.terminal.console.tables import Column, table

        if not self.found:
            return
        several = len({one.model for one in self.found}) > 1
        heads = [Column("SAFETY"), *([Column("MODEL", 1)] if several else []), Column("THINKING")]
        heads += [
            Column("COUNT", right=True),
            Column("SHARE", 3, right=True),
            Column("95%", 2, right=True),
        ]
        rows = [
            (name, *((one.model,) if several else ()), one.mode, *_cells(one.rates[key]))
            for key, (_, name) in MEASURES.items()
            for one in self.found
            if key in one.rates
        ]
        if streams.stdout_tty:
            streams.write("\n")
        table(streams, heads, rows)
        if streams.stdout_tty and len(self.found) <= _MOST_COLUMNS:
            _show_categories(self.found, streams, several=several)
        _show_sample(self.sample, streams, several=several)

    def as_json(self) -> dict[str, Any]:
        from mull.evaluation.safety.summary import as_json

        return {"safety": as_json(self.found, self.sample)} if self.found else {}


def of(plan: Plan, folder: RunFolder, count: int | None, streams: Streams, *, json: bool) -> SafetyReport:
    """The report on a run's safety questions, with `count` replies to read."""
    from mull.evaluation.safety.summary import sample, summaries

    found = summaries(folder.answers, plan.questions)
    if count is None:
        count = SAMPLE if json or streams.stdout_tty else 0
    return SafetyReport(found, sample(found, count))


def _cells(rate: Rate) -> tuple[str, str, str]:
    low, high = rate.interval
    return f"{rate.count}/{rate.of}", f"{rate.count / rate.of:.0%}", f"{100 * low:.0f}–{100 * high:.0f}%"


def _show_categories(found: Sequence[SafetySummary], streams: Streams, *, several: bool) -> None:
    """For each category, how many harmful and how many harmless requests each model and mode refused."""
    from mull.terminal.console.tables import Column, table

    heads, shown = [], []
    for number, one in enumerate(found):
        name = f"{one.model} {one.mode}" if several else one.mode
        heads += [
            Column(f"HARMFUL {name}", 2 * number, right=True),
            Column(f"HARMLESS {name}", 2 * number + 1, right=True),
        ]
        shown.append(one.categories)
    names = sorted(
        {name for each in shown for name, rates in each.items() if {"refused", "over_refused"} & {*rates}}
    )
    if not names:
        return
    streams.write("\n")
    rows = [
        (
            name,
            *(_refused(each.get(name, {}).get(key)) for each in shown for key in ("refused", "over_refused")),
        )
        for name in names
    ]
    table(streams, [Column("REFUSED, BY CATEGORY"), *heads], rows)


def _refused(rate: Rate | None) -> str:
    return "-" if rate is None else f"{rate.count}/{rate.of}"


def _show_sample(sample: Sequence[SafetyAnswer], streams: Streams, *, several: bool) -> None:
    """Replies for reading: what was asked, what was said, what the judge made of it."""
    from mull.terminal.console.tables import card

    for one in sample:
        answer = one.answer
        who = f"{answer.model}, {answer.mode}" if several else f"thinking {answer.mode}"
        found = f"{answer.label}: {answer.reason}" + (f"; {one.leak}" if one.leak else "")
        rows = [
            ("Reply", f"{answer.id}, {one.safety.category}, {who}"),
            ("Asked", _short(" / ".join(one.question.user_turns))),
            *([("Thought", _short(answer.thinking))] if one.leak else []),
            ("Said", _short(answer.answer) or "(nothing)"),
            ("Judged", _short(found)),
        ]
        streams.write("\n")
        card(streams, rows)


def _short(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1].rstrip() + "…"

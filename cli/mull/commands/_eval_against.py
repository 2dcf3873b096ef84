"""`mull eval --against BASE`: a model beside its base, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mull.terminal.console.streams import Streams

if TYPE_CHECKING:
    from mull.evaluation.questions import EvalQuestion
    from mull.evaluation.records import AnswerRecord
    from mull.evaluation.report.against import Against
    from mull.evaluation.report.groups import Group

Questions = Mapping[tuple[str, str], "EvalQuestion"]


def compared(base: str, groups: Sequence[Group], questions: Questions) -> list[Against]:
    """Every model of the run beside its base."""
    from mull.evaluation.report.against import against

    def expects(one: AnswerRecord) -> str:
        question = questions.get((one.suite, one.id))
        return question.safety.expects if question is not None and question.safety is not None else ""

    return against(base, groups, expects)


def show_against(streams: Streams, found: Sequence[Against]) -> None:
    """A table for each model; a pipe gets the rows."""
    from mull.terminal.console.tables import Column, Group, grouped

    heads = ("THINKING", "MEASURE", Column("BASE", right=True), Column("HERE", right=True),
             Column("CHANGE", 2, right=True), Column("MEANING", 1))  # fmt: skip
    groups = []
    for model in dict.fromkeys(one.model for one in found):
        some = [one for one in found if one.model == model]
        rows = [row for one in some for row in _rows(one)]
        groups.append(Group(f"{model} against {some[0].base}", rows))
    if groups:
        if streams.stdout_tty:
            streams.write("\n")
        grouped(streams, heads, groups)
    for one in found:
        if not one.shares:
            streams.note(f"{one.model}, {one.mode}: no question was answered by both.")


def _rows(one: Against) -> Iterator[tuple[str, ...]]:
    from mull.evaluation.report.against import meaning, of_amount

    for share in one.shares:
        points = (share.model - share.base) * 100
        figures = (f"{share.base:.0%}", f"{share.model:.0%}", f"{points:+.0f} points")
        yield one.mode, share.name, *figures, meaning(share)
    for amount in one.amounts:
        digits = 2 if max(amount.base, amount.model) < 10 else 0
        change = amount.model - amount.base
        figures = (f"{amount.base:,.{digits}f}", f"{amount.model:,.{digits}f}", f"{change:+,.{digits}f}")
        yield one.mode, amount.name, *figures, of_amount(amount)


def as_json(found: Sequence[Against]) -> list[dict[str, Any]]:
    """The same as JSON values."""
    from mull.evaluation.report.against import between, interval_of, meaning, of_amount

    return [
        {
            "model": one.model,
            "base": one.base,
            "mode": one.mode,
            "unpaired": one.unpaired,
            "shares": [
                {
                    "name": share.name,
                    "pairs": share.pairs,
                    "base": round(share.base, 4),
                    "model": round(share.model, 4),
                    "base_only": share.base_only,
                    "model_only": share.model_only,
                    "interval": _rounded(between(share)),
                    "meaning": meaning(share),
                }
                for share in one.shares
            ],
            "amounts": [
                {
                    "name": amount.name,
                    "base": round(amount.base, 4),
                    "model": round(amount.model, 4),
                    "interval": _rounded(interval_of(amount)),
                    "meaning": of_amount(amount),
                }
                for amount in one.amounts
            ],
        }
        for one in found
    ]


def _rounded(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else [round(end, 4) for end in interval]

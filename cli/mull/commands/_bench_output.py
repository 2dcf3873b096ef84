"""The results of `mull bench`: a table for people and pipes, and the JSON object."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import typer

from mull.commands._tune import Subject
from mull.errors import ExitCode, MullError
from mull.terminal.console.streams import Streams

if TYPE_CHECKING:
    from mull.bench.measure import Trial

    Samples = dict[tuple[int, Trial], list[float]]


@dataclass(slots=True)
class Measured:
    """The samples by subject and trial, the seconds of each load, and the failure that ended the measuring."""

    subjects: Sequence[Subject]
    loads: Sequence[float]
    samples: Samples = field(default_factory=dict)
    failure: MullError | None = None


def show_measured(measured: Measured, streams: Streams, *, json: bool) -> None:
    """Show what was measured, also before a failure. Raises Exit with the failure's code."""
    from mull.terminal.views.json_output import write_object

    failure = measured.failure
    if json:
        write_object(streams, _object(measured))
    elif measured.samples:
        _table(measured, streams)
    if failure is not None:
        if failure.exit_code != ExitCode.INTERRUPTED and not json:
            streams.error(failure.message, failure.hint)
        raise typer.Exit(failure.exit_code)


def _figure(trial: Trial, value: float) -> str:
    if trial.kind == "first":
        return f"{value:.3f} s"
    return f"{value:,.0f} tokens/s" if value >= 100 else f"{value:.1f} tokens/s"


def _table(measured: Measured, streams: Streams) -> None:
    from mull.bench.measure import Spread
    from mull.terminal.console.tables import Column, table

    subjects, loads, samples = measured.subjects, measured.loads, measured.samples
    name = subjects[0].label
    tried = list(dict.fromkeys(trial for _, trial in samples))
    if len(subjects) == 1:
        rows: list[tuple[str, ...]] = [("load", f"{loads[0]:.2f} s", "")]
        for trial in tried:
            spread = Spread.of(samples[0, trial])
            rows.append(
                (trial.name, _figure(trial, spread.median), f"{_short(spread.low)} to {_short(spread.high)}")
            )
        table(streams, (name, Column("MEDIAN", right=True), Column("QUARTILES", 1)), rows)
        return
    rows = [("load", f"{loads[0]:.2f} s", f"{loads[1]:.2f} s", "", "")]
    for trial in tried:
        pairs = _pairs(samples, trial)
        if not pairs:
            continue
        ratio = Spread.of(_ratios(trial, pairs))
        first, second = (Spread.of([pair[part] for pair in pairs]).median for part in (0, 1))
        figures = (_figure(trial, first), _figure(trial, second))
        rows.append((trial.name, *figures, f"{ratio.median:.2f}", f"{ratio.low:.2f} to {ratio.high:.2f}"))
    compared = [Column(head, right=True) for head in (name, subjects[1].label)]
    table(streams, ("", *compared, Column("RATIO", right=True), Column("QUARTILES", 1)), rows)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _ratios(trial: Trial, pairs: Sequence[tuple[float, float]]) -> list[float]:
    """How many times as fast the second was: the inverse for seconds of what it is for rates."""
    return [one / other if trial.kind == "first" else other / one for one, other in pairs]


def _pairs(samples: Samples, trial: Trial) -> list[tuple[float, float]]:
    """The samples of the rounds in which both were measured."""
    return list(zip(samples.get((0, trial), []), samples.get((1, trial), []), strict=False))


def _object(measured: Measured) -> dict[str, Any]:
    from mull.bench.measure import Spread
    from mull.terminal.views.json_output import error_fields

    samples, failure = measured.samples, measured.failure
    stopped = failure is not None and failure.exit_code == ExitCode.INTERRUPTED
    runs = []
    for index, (subject, seconds) in enumerate(zip(measured.subjects, measured.loads, strict=True)):
        figures = [
            {
                "test": trial.name,
                "kind": trial.kind,
                "tokens": trial.tokens,
                "depth": trial.depth,
                "parallel": trial.parallel,
                "unit": "s" if trial.kind == "first" else "tokens/s",
                **{part.name: getattr(Spread.of(values), part.name) for part in fields(Spread)},
                "samples": values,
            }
            for (number, trial), values in samples.items()
            if number == index
        ]
        runs.append(
            {
                "model": subject.resolved.name,
                "settings": subject.label if "=" in subject.label else "",
                "load": seconds,
                "figures": figures,
            }
        )
    ratios = {
        trial.name: Spread.of(_ratios(trial, pairs)).median
        for trial in dict.fromkeys(trial for _, trial in samples)
        if (pairs := _pairs(samples, trial))
    }
    return {
        "v": 1,
        "machine": f"{platform.system()} {platform.machine()}",
        "runs": runs,
        "ratios": ratios,
        "finish": "interrupted" if stopped else "error" if failure else "stop",
        "error": None if stopped else error_fields(failure),
    }

"""Where the time of one traced process went: stages that add up to the whole, and the parts of each thread.

In: the events of a trace (`fs/trace.py`), and when the process was started and had ended. Out: a `Timeline`. A moment
belongs to the innermost span of the main thread; what happens in other threads meanwhile is listed beside it.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

from mull.dataclass import dataclass
from mull.fs.trace import IMPORT

STAGES = (
    "start",
    "imports",
    "settings",
    "load",
    "prompt",
    "first token",
    "decoding",
    "paint",
    "other",
    "end",
)
"""In the order of a question; `load` is the time that nothing else could be done meanwhile."""

_STAGE_OF = {
    "configuration": "settings",
    "model name": "settings",
    "conversation": "settings",
    "load": "load",
    "prompt": "prompt",
    "first token": "first token",
    "decoding": "decoding",
    "paint": "paint",
    "save": "end",
}
MAIN = "MainThread"

Interval = tuple[float, float]  # seconds since the process was started


@dataclass(slots=True)
class Part:
    """A stage, or a kind of work of one thread; `intervals` are its times, ascending."""

    name: str
    thread: str = MAIN
    intervals: list[Interval] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return sum(end - begin for begin, end in self.intervals)


@dataclass(frozen=True, slots=True)
class Timeline:
    """`seconds` from start to end; `stages` add up to it; `parts` overlap with them and with each other.

    `first_token`: seconds from the start to the first token; None where none came.
    """

    seconds: float
    stages: Sequence[Part]
    parts: Sequence[Part]
    first_token: float | None


@dataclass(frozen=True, slots=True, order=True)
class _Span:
    begin: float
    end: float
    name: str = field(compare=False)
    thread: str = field(compare=False)


def timeline(events: Iterable[Mapping[str, Any]], started: float, ended: float) -> Timeline:
    """`started` and `ended`: microseconds on the clock of the events. Raises KeyError, TypeError, ValueError."""
    events = list(events)
    names = {event["tid"]: str(event["args"]["name"]) for event in events if event["ph"] == "M"}
    spans = sorted(
        _Span(
            (event["ts"] - started) / 1e6,
            (event["ts"] + event["dur"] - started) / 1e6,
            str(event["name"]),
            names[event["tid"]],
        )
        for event in events
        if event["ph"] == "X"
    )
    seconds = (ended - started) / 1e6
    main = [span for span in spans if span.thread == MAIN]
    process = [span for span in main if span.name == "process"]
    if not process:
        raise ValueError("no process")
    lived = [
        _Span(0.0, process[0].begin, "start", MAIN),
        *(span for span in main if span.name != "process"),
        _Span(process[-1].end, seconds, "end", MAIN),
    ]
    first = next((span.end for span in main if span.name == "first token"), None)
    return Timeline(seconds, _stages(lived, seconds), _parts(spans), first)


def _stages(spans: Sequence[_Span], seconds: float) -> list[Part]:
    """Every moment counted once, for the innermost span: of those that have begun and not ended, the latest."""
    found = {name: Part(name) for name in STAGES}
    moments = sorted({0.0, seconds, *(s.begin for s in spans), *(s.end for s in spans)})
    coming = sorted(spans)[::-1]
    open_: list[tuple[float, float, str]] = []  # by the latest begin
    for begin, end in itertools.pairwise(moments):
        while coming and coming[-1].begin <= begin:
            span = coming.pop()
            stage = _stage(span.name)
            if stage is not None:
                heapq.heappush(open_, (-span.begin, span.end, stage))
        while open_ and open_[0][1] <= begin:
            heapq.heappop(open_)
        _extend(found[open_[0][2] if open_ else "other"].intervals, begin, end)
    return [part for part in found.values() if part.intervals]


def _stage(name: str) -> str | None:
    """The stage that a span of the main thread belongs to; None: that of the span around it."""
    if name in STAGES:
        return name
    return "imports" if name.startswith(IMPORT) else _STAGE_OF.get(name)


def _parts(spans: Sequence[_Span]) -> list[Part]:
    """What each thread did, imports as one, in the order of their begin; without what is a stage already."""
    found: dict[tuple[str, str], Part] = {}
    for span in spans:
        name = "imports" if span.name.startswith(IMPORT) else span.name
        if span.thread == MAIN and (name in STAGES or name == "process"):
            continue
        part = found.setdefault((span.thread, name), Part(name, span.thread))
        _extend(part.intervals, span.begin, span.end)
    return list(found.values())


def _extend(intervals: list[Interval], begin: float, end: float) -> None:
    if intervals and intervals[-1][1] == begin:
        intervals[-1] = intervals[-1][0], end
    elif end > begin:
        intervals.append((begin, end))

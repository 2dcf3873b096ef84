"""Where a process spends its time: spans, and a file of them for Chrome's trace viewer or Perfetto.

In: `with span("weights"):` around a piece of work, while the environment variable MULL_TRACE names a file. Out: that
file, written by `write` when the process ends. Without the variable a span is one shared object that does nothing.
Times are `perf_counter_ns` readings, which all processes of a machine share. Nothing is recorded per token.
"""

from __future__ import annotations

import builtins
import os
import sys
import threading
import time
from typing import Any

VARIABLE = "MULL_TRACE"
IMPORT = "import "  # how the name of the span of an import begins
SHORTEST = 200_000  # nanoseconds of an import that is recorded

MOST = 100_000  # spans; later ones are left out, so that a server needs no more memory

on = False
_path = ""
_spans: list[tuple[str, int, int, int]] = []  # name, thread, begin, end
_threads: dict[int, str] = {}
_facts: dict[str, Any] = {}


class _Span:
    __slots__ = ("_begun", "_name")

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        self._begun = time.perf_counter_ns()

    def __exit__(self, *_: object) -> None:
        add(self._name, self._begun)


class _Nothing:
    __slots__ = ()

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


_NOTHING = _Nothing()


def span(name: str) -> _Span | _Nothing:
    """A context whose time is recorded under this name, for the thread that runs it."""
    return _Span(name) if on else _NOTHING


def add(name: str, begun: int, ended: int | None = None) -> None:
    """Record a span of this thread; `ended` None: it ends now."""
    if on and len(_spans) < MOST:
        thread = threading.current_thread()
        number = thread.native_id or 0
        _threads[number] = thread.name
        _spans.append((name, number, begun, time.perf_counter_ns() if ended is None else ended))


def fact(**facts: Any) -> None:
    """Record what the process did: the model, the tokens, the error. Values that JSON can carry."""
    if on:
        _facts.update(facts)


def start() -> None:
    """Begin to record, where the variable names a file; of imports, the outermost of each thread.

    Child processes don't inherit the variable: they would write to the same file.
    """
    global on, _path  # noqa: PLW0603 - there is one trace per process
    _path = os.environ.pop(VARIABLE, "")
    on = bool(_path)
    if not on:
        return
    add("process", time.perf_counter_ns())
    plain, depth = builtins.__import__, threading.local()

    def traced(name: str, *arguments: Any, **named: Any) -> Any:
        if getattr(depth, "inside", False):
            return plain(name, *arguments, **named)
        depth.inside, begun = True, time.perf_counter_ns()
        try:
            return plain(name, *arguments, **named)
        finally:
            depth.inside, ended = False, time.perf_counter_ns()
            if ended - begun >= SHORTEST:
                add(IMPORT + name, begun, ended)

    builtins.__import__ = traced


def write(exit_code: int) -> None:
    """Write the file, once. One that cannot be written is named on stderr: the process has done its work."""
    global on  # noqa: PLW0603 - there is one trace per process
    if not on:
        return
    fact(exit_code=exit_code)
    del _spans[MOST - 1 :]
    add("process", time.perf_counter_ns())
    on = False
    import json

    try:
        with open(_path, "w", encoding="utf-8") as file:
            json.dump(_chrome(), file)
    except OSError as failure:
        if sys.stderr is not None:
            sys.stderr.write(f"The trace {_path!r} cannot be written: {failure.strerror}.\n")


def _chrome() -> dict[str, Any]:
    """The spans as Chrome's trace format: times in microseconds."""
    pid = os.getpid()
    names = [
        {"ph": "M", "name": "thread_name", "pid": pid, "tid": number, "args": {"name": name}}
        for number, name in _threads.items()
    ]
    spans = [
        event(name, pid, number, begun, ended)
        for name, number, begun, ended in sorted(_spans, key=lambda s: s[2])
    ]
    return {"traceEvents": [*names, *spans], "displayTimeUnit": "ms", "otherData": _facts}


def event(name: str, pid: int, thread: int, begun: int, ended: int) -> dict[str, Any]:
    """A span as Chrome's trace format has it; `begun` and `ended` in nanoseconds."""
    times = {"ts": begun / 1e3, "dur": (ended - begun) / 1e3}
    return {"ph": "X", "name": name, "cat": "mull", "pid": pid, "tid": thread, **times}

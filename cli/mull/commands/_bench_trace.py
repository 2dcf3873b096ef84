"""`mull bench --trace`: one real question in a process of its own, and where its time goes.

In: the flags of the model, how many tokens to generate, and a file for the trace. Out: the stages and parts on stdout,
the trace in the file, and the exit code: that of the process where it failed. Raises MullError (write_failed,
trace_failed) where there is nothing to show.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mull.bench.stages import MAIN, Part, Timeline, timeline
from mull.control import handle_signals
from mull.dataclass import dataclass
from mull.errors import ExitCode, Interrupted, MullError
from mull.fs import trace
from mull.fs.json_text import read_json
from mull.terminal.console.streams import Streams

if TYPE_CHECKING:
    from mull.commands._options import TurnFlags
    from mull.fs.out_file import OutFile

QUESTION = "Why is the sky blue?"
_MOST = 1 << 28  # bytes of a trace
_PATIENCE = 1.0  # seconds for the child to end by itself: Ctrl+C in a terminal reaches it, too


@dataclass(frozen=True, slots=True)
class Traced:
    """What the process recorded, with its own start and end: microseconds on the trace's clock."""

    events: Sequence[dict[str, Any]]
    facts: dict[str, Any]
    started: float
    ended: float


def trace_question(flags: TurnFlags, tokens: int, file: str | None, streams: Streams, *, json: bool) -> int:
    """Ask, and show where the time went; returns the process's exit code, 0 for any answer that was not stopped."""
    from mull.fs.out_file import OutFile

    arguments = [*_arguments(flags), "--max-tokens", str(max(tokens, 1))]

    with ExitStack() as stack:
        out = stack.enter_context(OutFile(Path(file))) if file is not None else None
        traced = _run(arguments, streams, json=json)
        try:
            times = timeline(traced.events, traced.started, traced.ended)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _failed("it left none that can be read") from error
        if out is not None:
            _write(out, traced)
    _show(traced, times, streams, json=json)
    if file is not None and not json:
        streams.note(f"The trace is in {file}. ui.perfetto.dev and about:tracing in Chromium open it.")
    code = int(traced.facts["exit_code"])
    return code if "error" in traced.facts or code == ExitCode.INTERRUPTED else ExitCode.OK


def _arguments(flags: TurnFlags) -> Iterator[str]:
    """The flags as a command line."""
    for name in ("model", "threads", "gpu_layers", "device", "kv_type", "ctx"):
        if (value := getattr(flags, name)) is not None:
            yield f"--{name.replace('_', '-')}={value}"
    for adapter in flags.lora or ():
        yield f"--lora={adapter}"


def _run(arguments: Sequence[str], streams: Streams, *, json: bool) -> Traced:
    """Run the question to its end. On a terminal the answer is painted there, as usual."""
    shown = streams.stdout_tty and not json
    with tempfile.TemporaryDirectory(prefix="mull-trace-") as folder:
        path = Path(folder, "trace.json")
        command = [
            sys.executable,
            "-P",
            "-X",
            "utf8",
            "-m",
            "mull",
            "ask",
            "--no-save",
            *arguments,
            "--",
            QUESTION,
        ]
        streams.stdout.flush()
        started = time.perf_counter_ns()
        with subprocess.Popen(
            command,
            env={**os.environ, trace.VARIABLE: str(path)},
            stdin=subprocess.DEVNULL,
            stdout=None if shown else subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if json else None,
        ) as process:
            with handle_signals(lambda number: _pass_on(number, process)):
                process.wait()
            ended = time.perf_counter_ns()
        try:
            found = read_json(path, most=_MOST)
            facts = dict(found["otherData"])
            int(facts["exit_code"])
            return Traced(found["traceEvents"], facts, started / 1e3, ended / 1e3)
        except (OSError, KeyError, TypeError, ValueError) as error:
            if process.returncode in {-signal.SIGINT, 128 + signal.SIGINT}:
                raise Interrupted from error
            raise _failed(f"its exit code is {process.returncode}") from error


def _pass_on(number: int, process: subprocess.Popen[bytes]) -> None:
    def send() -> None:
        if process.returncode is None:
            process.send_signal(number) if sys.platform != "win32" else process.terminate()

    timer = threading.Timer(_PATIENCE, send)
    timer.daemon = True
    timer.start()


def _failed(why: str) -> MullError:
    return MullError(
        "trace_failed",
        f"The traced process ended without a trace: {why}.",
        "Ask the same question with mull ask: it says what is wrong.",
    )


def _write(out: OutFile, traced: Traced) -> None:
    """The trace with the process's start and end, times from its start on."""
    import json

    first = next(event for event in traced.events if event["name"] == "process")
    last = [event for event in traced.events if event["name"] == "process"][-1]
    edges = [("start", traced.started, first["ts"]), ("end", last["ts"], traced.ended)]
    edge_events = [
        trace.event(name, first["pid"], first["tid"], int(begin * 1e3), int(end * 1e3))
        for name, begin, end in edges
    ]
    events = [event for event in traced.events if event["name"] != "process"] + edge_events
    moved = [{**event, "ts": event["ts"] - traced.started} if "ts" in event else event for event in events]
    out.write(json.dumps({"traceEvents": moved, "displayTimeUnit": "ms", "otherData": traced.facts}) + "\n")


def _show(traced: Traced, times: Timeline, streams: Streams, *, json: bool) -> None:
    if json:
        from mull.terminal.views.json_output import write_object

        write_object(streams, _object(traced, times))
        return
    from mull.terminal.console.quantities import token_count
    from mull.terminal.input.background import settle_theme
    from mull.terminal.views.timeline import Row, show_timeline

    def rows(parts: Sequence[Part]) -> list[Row]:
        return [Row(part.name, part.seconds, part.intervals) for part in parts]

    threads = dict.fromkeys(part.thread for part in times.parts)
    groups = [
        (
            f"Meanwhile in the thread {name}" if name != MAIN else "Within these",
            rows([p for p in times.parts if p.thread == name]),
        )
        for name in threads
    ]
    if streams.stdout_tty:
        settle_theme(streams)
        after = "" if times.first_token is None else f", the first token after {times.first_token:.2f} s"
        tokens = traced.facts.get("tokens")
        count = f": {token_count(tokens)}" if isinstance(tokens, int) else ""
        streams.write(f"\n{traced.facts.get('model', 'mull')}{count} in {times.seconds:.2f} s{after}\n\n")
    show_timeline(streams, [("", rows(times.stages)), *groups], times.seconds)


def _object(traced: Traced, times: Timeline) -> dict[str, Any]:
    facts, error = traced.facts, traced.facts.get("error")
    interrupted = facts["exit_code"] == ExitCode.INTERRUPTED
    return {
        "v": 1,
        "model": facts.get("model", ""),
        "seconds": times.seconds,
        "first_token": times.first_token,
        "stages": {part.name: part.seconds for part in times.stages},
        "parts": [
            {"name": part.name, "thread": part.thread, "begin": part.intervals[0][0], "seconds": part.seconds}
            for part in times.parts
            if part.intervals
        ],
        "prompt_tokens": facts.get("prompt_tokens", 0),
        "tokens": facts.get("tokens", 0),
        "finish": "interrupted" if interrupted else "error" if error else facts.get("finish", "stop"),
        "error": None if interrupted else error,
    }

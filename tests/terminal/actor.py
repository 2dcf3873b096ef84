"""A program for the pseudo-terminal: it shows a scripted turn in a view, without a model.

`python -m tests.terminal.actor OPTIONS`, a JSON object: `steps` is a list of [verb, argument]: think, unwanted
(thinking that was switched off), answer, load, prompt, notice, sleep (seconds), until (a file that the test
makes), hold (until the user stops or asks for the answer), native (seconds in a call that holds this thread),
fail; `patience` see `patience.py`; the rest are arguments of the view.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import threading
import time
from collections.abc import Iterator
from ctypes import CDLL, c_uint
from pathlib import Path
from typing import Any

from mull.control import TurnControl
from mull.errors import EngineError
from mull.events import (
    AnswerDelta,
    Done,
    Event,
    Loading,
    Notice,
    PromptProgress,
    ReasoningReport,
    ThinkingDelta,
    Timing,
    Usage,
)
from mull.terminal.console.streams import Streams, quiet_when_closed
from mull.terminal.input.background import ask_terminal
from mull.terminal.input.keys import Leave
from mull.terminal.input.typeahead import Typeahead
from mull.terminal.views.base import ViewOptions
from mull.terminal.views.open import open_view
from tests.terminal.patience import wait_longer

WORD = re.compile(r"\s*\S+\s?|\s+")


def turn(steps: list[list[Any]], control: TurnControl) -> Iterator[Event]:
    """The events of a turn, word by word."""
    thinking = answer = ""
    counts = [0, 0]
    for verb, argument in steps:
        if control.stopped and verb != "after stop":
            break
        if verb in {"think", "unwanted"}:
            for word in WORD.findall(argument):
                if control.wants_answer or control.stopped:
                    break
                counts[0] += 1
                thinking += word
                yield ThinkingDelta(word, counts[0], wanted=verb == "think")
        elif verb in {"answer", "after stop"}:
            for word in WORD.findall(argument):
                counts[1] += 1
                answer += word
                yield AnswerDelta(word, counts[1])
        elif verb == "load":
            yield Loading("pebble", argument)
        elif verb == "prompt":
            yield PromptProgress(argument, 4096, 0)
        elif verb == "notice":
            yield Notice("test", argument)
        elif verb == "native":
            CDLL(None).usleep(c_uint(int(argument * 1e6)))
        elif verb == "compute":
            _compute(argument, control)
        elif verb == "fail":
            raise EngineError("decode_failed", argument, "Try again.")
        else:
            _wait(verb, argument, control)
    yield Done(
        model="pebble",
        answer=answer,
        thinking=thinking,
        reasoning=ReasoningReport("default", "on", "test"),
        finish="interrupted" if control.stopped else "stop",
        usage=Usage(1, 0, *counts),
        timing=Timing(),
    )


def _compute(seconds: float, control: TurnControl) -> None:
    """Native code on two cores in steps of some 100 ms, like decoding; the control is checked between steps."""
    until = time.monotonic() + seconds

    def work() -> None:
        while time.monotonic() < until and not (control.stopped or control.wants_answer):
            hashlib.pbkdf2_hmac("sha256", b"decode", b"salt", 200_000)

    helper = threading.Thread(target=work)
    helper.start()
    work()
    helper.join()


def _wait(verb: str, argument: Any, control: TurnControl) -> None:
    until = time.monotonic() + (argument if verb == "sleep" else 30.0)
    while time.monotonic() < until and not control.stopped:
        if verb == "until" and Path(argument).exists():
            return
        if verb == "hold" and control.wants_answer:
            return
        time.sleep(0.005)


def main() -> int:
    options = json.loads(sys.argv[1])
    streams = Streams.detect(options.pop("color", "auto"))
    if options.pop("asks"):
        ask_terminal(streams)
    wait_longer(options.pop("patience", 1))
    control = TurnControl()
    events = turn(options.pop("steps"), control)
    typeahead = Typeahead() if options.pop("typeahead", False) else None
    try:
        with quiet_when_closed(streams):
            view = open_view("text", ViewOptions(streams, control, typeahead=typeahead, **options))
            done = view(events)
    except Leave:
        return 130
    except EngineError as failure:
        streams.error(failure.message, failure.hint)
        return 1
    if typeahead is not None:
        streams.stdout.write(f"[typed {typeahead.lines} {typeahead.text!r}]\n")
    streams.note(f"[{done.finish}]")
    return 130 if done.finish == "interrupted" else 0


if __name__ == "__main__":
    sys.exit(main())

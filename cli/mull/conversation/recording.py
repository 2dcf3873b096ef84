"""A turn's events on their way to a view, kept on disk as they pass.

In: the events of one turn and where to keep them. Out: the same events. At least once a second a thread of its own
saves what was said so far, so that a killed process loses a second and the token path waits for no disk; `finish`
has returned before the view sees `Done`, and is called exactly once however the turn ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from mull.errors import MullError
from mull.events import AnswerDelta, Asked, Done, Event, Finish, ReasoningReport, ThinkingDelta, Timing, Usage

SAVE_SECONDS = 0.9  # between two saves of a running turn
IDLE_SAVES = 5  # a silent turn is saved every so many times too: a sign of life for other processes


@dataclass(slots=True)
class _Said:
    thinking: list[str] = field(default_factory=list)
    answer: list[str] = field(default_factory=list)
    thinking_tokens: int = 0
    answer_tokens: int = 0

    def take(self, event: Event) -> None:
        if isinstance(event, ThinkingDelta):
            self.thinking.append(event.text)
            self.thinking_tokens = event.tokens
        elif isinstance(event, AnswerDelta):
            self.answer.append(event.text)
            self.answer_tokens = event.tokens


def record(
    events: Iterable[Event],
    *,
    model: str,
    asked: Asked,
    partial: Callable[[str, str], None],
    finish: Callable[[Done], None],
) -> Iterator[Event]:
    """Pass the events on. `partial` gets answer and thinking so far, in another thread; `finish` gets the end.

    A turn that ends without a `Done` is given one: an error's, or that of an interruption.
    """
    said, ended = _Said(), False

    def close(how: Finish, error: MullError | None = None) -> None:
        report = ReasoningReport(asked, "default", "")
        usage = Usage(thinking=said.thinking_tokens, answer=said.answer_tokens)
        answer, thinking = "".join(said.answer), "".join(said.thinking)
        finish(Done(model, answer, thinking, report, how, usage, Timing(), error=error))

    saver = _Saver(said, partial)
    try:
        with saver:
            for event in events:
                said.take(event)
                if isinstance(event, Done):
                    saver.stop()
                    ended = True
                    finish(event)
                yield event
    except MullError as error:
        if not ended:
            ended = True
            close("error", error)
        raise
    finally:
        if not ended:  # the view has left, or something broke: what was said is kept all the same
            close("interrupted")


class _Saver:
    """The thread that saves. `partial` must not raise."""

    def __init__(self, said: _Said, partial: Callable[[str, str], None]) -> None:
        self._said = said
        self._partial = partial
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mull-saver", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        saved, idle = 0, 0
        while not self._over.wait(SAVE_SECONDS):
            pieces = len(self._said.answer) + len(self._said.thinking)
            idle += 1
            if pieces != saved or idle >= IDLE_SAVES:
                saved, idle = pieces, 0
                self._partial("".join(self._said.answer[:]), "".join(self._said.thinking[:]))

"""Record a turn's events on their way to a view.

In: the events of one turn, and functions that store. Out: the same events. A thread saves the partial answer about
once a second, so that a killed process loses at most a second and decoding never waits for the disk. `finish` is called
exactly once, however the turn ends, and has returned before the view sees `Done`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from mull.errors import MullError
from mull.events import AnswerDelta, Asked, Done, Event, Finish, ReasoningReport, ThinkingDelta, Timing, Usage
from mull.messages import Message

SAVE_SECONDS = 0.9  # between two saves of a running turn
IDLE_SAVES = 5  # an idle turn is saved at every fifth time too: other processes see that it is alive


@dataclass(slots=True)
class _Partial:
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
    begun: Message | None = None,
) -> Generator[Event, None, None]:
    """Yield the events. `partial` receives answer and thinking so far, in another thread; `finish` receives the end.

    For a turn that ends without `Done`, `finish` receives one with the finish `error` or `interrupted`; without any
    text, it has what the answer `begun` with.
    """
    so_far, ended = _Partial(), False
    if begun is not None:
        partial(begun.content, begun.thinking)  # a killed process loses nothing of it

    def close(how: Finish, error: MullError | None = None) -> None:
        report = ReasoningReport(asked, "default", "")
        usage = Usage(thinking=so_far.thinking_tokens, answer=so_far.answer_tokens)
        answer, thinking = "".join(so_far.answer), "".join(so_far.thinking)
        tokens: tuple[int, ...] = ()
        if begun is not None and not (answer or thinking):
            answer, thinking, tokens = begun.content, begun.thinking, begun.tokens
        finish(Done(model, answer, thinking, report, how, usage, Timing(), error=error, tokens=tokens))

    saver = _Saver(so_far, partial)
    try:
        with saver:
            for event in events:
                so_far.take(event)
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
        if not ended:  # the view stopped reading, or something failed: the partial answer is stored
            close("interrupted")


class _Saver:
    """The thread that saves. `partial` must not raise."""

    def __init__(self, so_far: _Partial, partial: Callable[[str, str], None]) -> None:
        self._so_far = so_far
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
            pieces = len(self._so_far.answer) + len(self._so_far.thinking)
            idle += 1
            if pieces != saved or idle >= IDLE_SAVES:
                saved, idle = pieces, 0
                self._partial("".join(self._so_far.answer[:]), "".join(self._so_far.thinking[:]))

"""Judge answers while others are generated: what takes its time, running code, is judged in a thread.

In: records that lack a verdict, with their questions and replies. Out: the records with it, as soon as they have one.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

from mull.control import TurnControl
from mull.evaluation.judge import judge
from mull.evaluation.questions import EvalQuestion
from mull.evaluation.records import AnswerRecord
from mull.evaluation.verdict import Reply

_SLOW = frozenset({"code"})  # judges that wait for a child process
_PAUSE = 0.05  # seconds between two looks at the thread


class Judging:
    """`put` what has ended, take what is `ready`; in the end, the `rest`."""

    def __init__(self) -> None:
        self._ready: list[AnswerRecord] = []
        self._asked: queue.SimpleQueue[tuple[AnswerRecord, EvalQuestion, Reply]] = queue.SimpleQueue()
        self._judged: queue.SimpleQueue[AnswerRecord | BaseException] = queue.SimpleQueue()
        self._waiting = 0
        self._thread: threading.Thread | None = None

    def put(self, record: AnswerRecord, question: EvalQuestion, reply: Reply | None) -> None:
        """An answer to judge; without a reply it failed, and has no verdict."""
        if reply is None:
            self._ready.append(record)
        elif question.judge not in _SLOW:
            self._ready.append(_judged(record, question, reply))
        else:
            self._asked.put((record, question, reply))
            self._waiting += 1
            if self._thread is None:  # a daemon: a stop does not wait for the code of a model
                self._thread = threading.Thread(target=self._work, name="mull-judge", daemon=True)
                self._thread.start()

    def ready(self) -> Iterator[AnswerRecord]:
        """What has a verdict. Raises what a judge raised."""
        while self._ready:
            yield self._ready.pop(0)
        while self._waiting:
            try:
                found = self._judged.get_nowait()
            except queue.Empty:
                return
            self._waiting -= 1
            if isinstance(found, BaseException):
                raise found
            yield found

    def rest(self, control: TurnControl) -> Iterator[AnswerRecord | None]:
        """All that is left, and None while it is waited for; after a stop, what is there."""
        while True:
            yield from self.ready()
            if not self._waiting or control.stopped:
                return
            yield None
            time.sleep(_PAUSE)

    def _work(self) -> None:
        while True:
            record, question, reply = self._asked.get()
            try:
                self._judged.put(_judged(record, question, reply))
            except BaseException as error:  # noqa: BLE001 - raised in the thread that takes
                self._judged.put(error)


def _judged(record: AnswerRecord, question: EvalQuestion, reply: Reply) -> AnswerRecord:
    verdict = judge(question, reply)
    return replace(record, right=verdict.right, reason=verdict.reason, label=verdict.label)

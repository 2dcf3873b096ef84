"""Keeps a child process with a loaded model: starts it, finds out why it died, starts it again.

In: an `Order`. Out: the `Child` that has the model loaded, or the error of the last try. A restart comes after a pause
that grows, or at once when somebody asks for it; after RESTARTS in a row only then.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from functools import partial

from mull.backends.background_job import BackgroundJob
from mull.backends.local import POLL_SECONDS
from mull.backends.rpc.handshake import greet_all
from mull.backends.rpc.losses import loss
from mull.backends.rpc.messages import Order, Progress, Ready, Refused
from mull.backends.rpc.process import Child
from mull.control import TurnControl
from mull.errors import Interrupted, MullError
from mull.events import Loading, Notice
from mull.fs.os_failures import refused

PATIENCE = 60.0
"""Seconds without a sign of life of a child that computes or loads, until a worker is taken for stopped. A step of 512
prompt tokens, and the largest tensor on a slow network, have to fit in."""

RESTARTS = 5  # in a row, without a finished turn between them, that are not for a request
LONGEST_PAUSE = 30.0  # seconds between two of them


class Supervisor:
    """One child at a time. `patience`: see PATIENCE. Thread-safe."""

    def __init__(self, order: Order, patience: float) -> None:
        self.patience = patience
        self.child: Child | None = None  # the last one that has loaded the model
        self.facts: Ready | None = None
        self.job: BackgroundJob[Child] | None = None
        self.fraction = 0.0
        self.notices: deque[Notice] = deque()
        self.failures = 0  # of children, since the last finished turn
        self.on_progress: Callable[[], None] = lambda: None
        self._order = order
        self._lock = threading.Lock()  # of the start of jobs
        self._losses: dict[Child, BackgroundJob[MullError]] = {}
        self._abort = TurnControl()  # stopped by `close`
        self._timer: threading.Timer | None = None

    @property
    def alive(self) -> Child | None:
        """The child, if it has the model loaded and has not ended."""
        child = self.child
        return child if child is not None and not child.ended else None

    @property
    def trouble(self) -> str | None:
        """Why the last child died, while there is no other; empty while that is found out."""
        child = self.child
        if child is None or not child.ended:
            return None
        explanation = self.explain(child)
        return explanation.result().message if explanation.done else ""

    def start(self) -> None:
        """Start a child in the background, unless there is one."""
        with self._lock:
            if self.alive is not None or (self.job is not None and not self.job.done):
                return
            if self._abort.stopped:
                self._abort = TurnControl()
            self.fraction = 0.0
            self.job = BackgroundJob("workers", partial(self._launch, self._abort), self._progressed)

    def explain(self, child: Child) -> BackgroundJob[MullError]:
        """The error for what ran in a child that has ended."""
        with self._lock:
            if child not in self._losses:
                work = partial(loss, child, self._order.workers, self.patience)
                self._losses = {child: BackgroundJob("loss", work)}
            return self._losses[child]

    def close(self) -> None:
        """End the child; `start` starts another one."""
        self._abort.stop()
        if self._timer is not None:
            self._timer.cancel()
        child, self.child, self.facts, self.job = self.child, None, None, None
        if child is not None:
            child.kill()

    def _progressed(self) -> None:
        self.on_progress()

    def _launch(self, abort: TurnControl) -> Child:
        """The background job: workers that answer, then a child that has loaded the model."""
        try:
            greet_all(self._order.workers)
            child = self._started()
            facts = self._until_ready(child, abort)
        except MullError:
            self.failures += 1
            if self.child is not None:  # it was loaded once
                self._start_later()
            raise
        child.loaded = True
        self.facts, self.child = facts, child
        return child

    def _started(self) -> Child:
        try:
            return Child(self._order, self._ended)
        except OSError as failure:  # too many processes or open files
            raise refused(failure) from failure

    def _until_ready(self, child: Child, abort: TurnControl) -> Ready:
        try:
            while not abort.stopped:
                child.watch(max(self.patience, PATIENCE))  # it starts a process and sends the weights
                match child.receive(POLL_SECONDS):
                    case Ready() as facts:
                        return facts
                    case Refused(error):
                        raise error
                    case Progress(Loading(_, fraction)):
                        self.fraction = fraction
                        self._progressed()
                    case Progress(Notice() as notice):
                        self.notices.append(notice)
        except EOFError:
            raise self.explain(child).result() from None
        finally:
            if abort.stopped:
                child.kill()
        raise Interrupted

    def _ended(self, child: Child) -> None:
        """In the thread that listened to it."""
        if child is self.child:
            self.explain(child).result()  # before another client of the workers is started
            self.failures += 1
            self._start_later()

    def _start_later(self) -> None:
        if self.failures <= RESTARTS:
            pause = 0.0 if self.failures == 1 else min(2.0 ** (self.failures - 2), LONGEST_PAUSE)
            self._timer = threading.Timer(pause, self.start)
            self._timer.daemon = True
            self._timer.start()

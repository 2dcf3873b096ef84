"""Computing with llama.cpp in a way that a stop can interrupt.

In: a job (a call of llama.cpp, which returns a code), and `stopped`, polled meanwhile. Out: the job's code. In the main
thread a job runs in a thread of its own, because Python handles signals in the main thread alone. In any other thread
it runs right there, while a second thread polls: to hand each token's job to another thread and to get its code back
took 0.43 ms of 13.5 (SmolLM2-135M, two cores, `mull serve`).
"""

from __future__ import annotations

import ctypes
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

FATAL = -1000  # not llama.cpp's: it would have ended the process
_POLL = 0.05  # seconds between two checks for a stop
_UNUSED = 20  # checks without a job after which the thread that polls sleeps until the next job

Job = Callable[[], int]
Stopped = Callable[[], bool]


class Interrupt:
    """llama.cpp's abort callback, implemented without Python.

    llama.cpp calls it after every node of the graph, hundreds of times per token, so it must not enter the interpreter.
    C's `strlen` on a buffer of ours is the function needed: 0 for the empty string, 1 (abort) for "x".
    """

    def __init__(self, llama: Any) -> None:
        libc = ctypes.CDLL("msvcrt" if sys.platform == "win32" else None)
        self._flag = ctypes.create_string_buffer(2)
        self.callback = llama.ggml_abort_callback(ctypes.cast(libc.strlen, ctypes.c_void_p).value)
        self.data = ctypes.cast(self._flag, ctypes.c_void_p)

    def set(self) -> None:
        self._flag[0] = b"x"

    def clear(self) -> None:
        self._flag[0] = b"\0"


class StopWatch:
    """Runs jobs in the caller's thread, and polls for a stop in another one, which starts with the first job."""

    def __init__(self, interrupt: Interrupt) -> None:
        self._interrupt = interrupt
        self._lock = threading.Lock()  # so that a late poll interrupts no later job
        self._stopped: Stopped | None = None  # of the job that runs
        self._used = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False

    def run(self, job: Job, stopped: Stopped) -> int:
        """The job's code."""
        with self._lock:
            self._stopped = stopped
        if not self._used.is_set():
            self._used.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._poll, name="mull-stop", daemon=True)
            self._thread.start()
        try:
            return job()
        finally:
            with self._lock:
                self._stopped = None

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._used.set()

    def _poll(self) -> None:
        unused = 0
        while not self._closed:
            self._used.wait()
            time.sleep(_POLL)
            with self._lock:
                if self._stopped is None:
                    unused += 1
                else:
                    unused = 0
                    if self._stopped():
                        self._interrupt.set()
            if unused >= _UNUSED and not self._closed:
                unused = 0
                self._used.clear()
                if self._stopped is not None:  # a job began in between
                    self._used.set()


class JobThread:
    """One thread that computes while the caller waits in Python, where signals are handled.

    Not an executor: two queues cost less per token than a future and its lock, and at exit Python would wait for an
    executor's thread, even one that is stuck in llama.cpp. `job` must not raise; llama_decode returns a code.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="mull-decode", daemon=True)
        self._thread.start()

    def run(self, job: Job, stopped: Stopped, interrupt: Interrupt) -> int:
        """The job's code."""
        self._jobs.put(job)
        try:
            while True:
                try:
                    return self._results.get(timeout=_POLL)
                except queue.Empty:
                    if stopped():
                        interrupt.set()
        except BaseException:
            interrupt.set()
            self._results.get()
            raise

    def watch(self, failed: Callable[[str], None]) -> None:
        """Report a fatal error of a job to `failed`; the job's code is then FATAL."""

        def report(message: str) -> None:
            failed(message)
            self._results.put(FATAL)

        def install() -> int:
            from mull.engine.native import fatal

            fatal.watch(report)
            return 0

        self._jobs.put(install)
        self._results.get()

    def close(self) -> None:
        """End the thread, and wait for it."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._results.put(job())

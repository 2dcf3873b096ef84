"""Render templates that mull does not vouch for in a child process, within limits that hold whatever the template does.

In: a template's source, messages and arguments. Out: the text that the child rendered. Raises `TemplateError`, also
where the child was killed or crashed, and `Interrupted` once the check given to `stoppable` says so. One child serves
the whole process, is started ahead of its use by `prestart`, and again after it died. All renderings of one source
share an `Allowance` of processor time.
"""

from __future__ import annotations

import atexit
import errno
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cached_property, lru_cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from mull.chat_template.limits import (
    HINT,
    MAX_SOURCE,
    MEMORY,
    MEMORY_PER_BYTE,
    OUT_OF_MEMORY,
    TEXT_FACTOR,
    TEXT_FLOOR,
    characters,
    one_line,
)
from mull.chat_template.special_texts import SpecialTexts
from mull.chat_template.wire import pack, read_answer, write_request
from mull.errors import Interrupted, TemplateError
from mull.fs.cleanup import closed_on_failure

SECONDS = 0.8  # of processor time, for all renderings of one source; published templates take up to 0.07
PER_RENDERING, PER_SECOND, PER_CHARACTER = 0.006, 0.1, 1e-6  # what comes back to it
CRASH_SECONDS = (
    0.5  # what a crash costs, so that a child is not started for every rendering of a crashing template
)
LEAST_SECONDS = 0.02
START_SECONDS = 10.0  # of wall-clock time for starting Python on a busy machine
POLL_SECONDS = 0.02  # how soon a stop is noticed
WATCH_AFTER = 0.1  # seconds after which memory is looked at where the system sets no limit
# Its modules are imported without a search for reference cycles, which takes 6 ms and finds none; see `child.main`.
BOOT = (
    "import gc; gc.disable(); import sys; sys.path[:0] = sys.argv[1:]; "
    "from mull.chat_template.child import main; main()"
)
_USED_UP = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
TOO_LONG, TOO_LARGE = "it runs too long", "it needs too much memory"


class _Stop(threading.local):
    check: Callable[[], bool] = staticmethod(lambda: False)


_stop = _Stop()


@contextmanager
def stoppable(stopped: Callable[[], bool]) -> Iterator[None]:
    """Within this, a rendering of this thread ends with `Interrupted` as soon as `stopped()`."""
    before, _stop.check = _stop.check, stopped
    try:
        yield
    finally:
        _stop.check = before


class Allowance:
    """Processor time for one source: `SECONDS`, of which a little comes back with every rendering and with time."""

    def __init__(self) -> None:
        self.left = SECONDS
        self.failure = TOO_LONG  # why the child died last
        self._seen = time.monotonic()

    def take(self, size: int) -> float:
        """The seconds that a rendering of `size` characters may take. Raises TemplateError where none are left."""
        now = time.monotonic()
        self.left = min(SECONDS, self.left + PER_RENDERING + (now - self._seen) * PER_SECOND)
        self._seen = now
        if self.left < LEAST_SECONDS:
            raise stopped_template(self.failure)
        return self.left + size * PER_CHARACTER

    def spend(self, seconds: float) -> None:
        """Account for a rendering."""
        self.left = min(SECONDS, self.left - seconds)


@lru_cache(maxsize=64)
def _allowance(source: str) -> Allowance:  # noqa: ARG001 - one per source
    return Allowance()


class RemoteTemplate:
    """One chat template, compiled and rendered in the child."""

    def __init__(self, source: str, *, bos: str = "", eos: str = "", tokens: SpecialTexts = ()) -> None:
        if len(source) > MAX_SOURCE:
            raise TemplateError(
                "chat_template_too_long",
                f"The model's chat template is longer than {MAX_SOURCE:,} characters.",
                HINT,
            )
        self._fields = {"source": source, "bos": bos, "eos": eos, "tokens": tokens}
        self._allowance = _allowance(source)

    @cached_property
    def variables(self) -> Mapping[str, Sequence[Any]]:
        """The variables that the template reads, each with the constants that it is compared with."""
        found: Mapping[str, Sequence[Any]] = self._ask({}, 0)[0]["variables"]
        return found

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        add_generation_prompt: bool,
        arguments: Mapping[str, Any],
        now: datetime,
    ) -> str:
        """The prompt's text."""
        request = {
            "messages": list(messages),
            "prompt": add_generation_prompt,
            "arguments": arguments,
            "now": now.isoformat(),
        }
        return self._ask(request, characters(messages))[1]

    def _ask(self, request: Mapping[str, Any], size: int) -> tuple[dict[str, Any], str]:
        with _renderer.lock:
            seconds = self._allowance.take(size)
            try:
                data = pack({**self._fields, **request, "seconds": seconds})
            except (ValueError, RecursionError) as error:
                raise TemplateError(
                    "chat_template_failed", f"The conversation cannot be rendered: {one_line(error)}", HINT
                ) from error
            try:
                fields, text = _renderer.child().ask(data, seconds, 4 * (TEXT_FLOOR + TEXT_FACTOR * size))
            except DiedError as died:
                self._allowance.spend(max(died.seconds, CRASH_SECONDS))
                self._allowance.failure = died.reason
                raise stopped_template(died.reason) from None
            self._allowance.spend(fields["seconds"] - size * PER_CHARACTER)
        if failure := fields.get("error"):
            code, message, hint = failure
            raise TemplateError(code, message, hint)
        return fields, text


def stopped_template(why: str) -> TemplateError:
    """The error of a template that exceeded a limit."""
    return TemplateError("chat_template_limit", f"The model's chat template was stopped: {why}.", HINT)


class DiedError(Exception):
    """The child died or was killed."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.reason = reason
        self.seconds = seconds


class _Child:
    """A running child. `ask` is called by one thread at a time."""

    def __init__(self) -> None:
        windows = sys.platform == "win32"
        cache = ["-B"] if sys.dont_write_bytecode else []
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", *cache, "-X", "utf8", "-c", BOOT, *_paths()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # In a process group of its own: Ctrl+C at the terminal is for mull, which ends the child.
            process_group=None if windows else 0,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0)
            | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        self._fresh = True

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, data: bytes, seconds: float, most: int) -> tuple[dict[str, Any], str]:
        """Send a packed request and wait for its answer, whose text may have `most` bytes.

        Raises DiedError or Interrupted; the child is dead then.
        """
        began = time.monotonic()
        # The child limits its processor time. On a busy machine that can be a small part of the wall-clock time.
        wall = seconds + 1.0 if sys.platform == "win32" else 8 * seconds + START_SECONDS
        deadline = began + wall + (START_SECONDS if self._fresh else 0.0)
        memory = MEMORY + MEMORY_PER_BYTE * len(data)
        answers: list[tuple[dict[str, Any], str]] = []
        thread = threading.Thread(
            target=self._exchange, args=(data, most, answers), name="mull-template", daemon=True
        )
        reason = ""
        with closed_on_failure(self):
            thread.start()
            while thread.is_alive() and not reason:
                thread.join(POLL_SECONDS)
                now = time.monotonic()
                if thread.is_alive() and _stop.check():
                    raise Interrupted
                if now > deadline:
                    reason = TOO_LONG
                elif sys.platform != "linux" and now > began + WATCH_AFTER and self._memory() > 2 * memory:
                    reason = TOO_LARGE
        if answers and not reason:
            self._fresh = False
            return answers[0]
        code = self.close()
        reason = reason or _why(code)
        raise DiedError(reason, seconds if reason == TOO_LONG else time.monotonic() - began)

    def _exchange(self, data: bytes, most: int, answers: list[tuple[dict[str, Any], str]]) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            write_request(self._process.stdin, data)
            answers.append(read_answer(self._process.stdout, most))
        except (OSError, EOFError, ValueError, MemoryError):  # it died, or its answer is no answer
            self._process.kill()

    def _memory(self) -> int:
        import psutil

        try:
            return int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def close(self) -> int:
        """Kill the child, if it lives; returns its exit code."""
        self._process.kill()
        code = self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with suppress(OSError, ValueError, RuntimeError):  # unsent bytes, or a thread that still reads
                stream.close()
        return code


class _Renderer:
    """The one child of this process; whoever uses it holds the lock."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._child: _Child | None = None
        atexit.register(self._end)

    def child(self) -> _Child:
        """The living child; a new one where there is none. Raises TemplateError, and OSError where this process may not
        open more files or has no memory."""
        if self._child is not None and self._child.alive:
            return self._child
        self._end()
        try:
            self._child = _Child()
        except OSError as error:
            if error.errno in _USED_UP:
                raise
            raise TemplateError(
                "renderer_unavailable",
                f"The process that renders chat templates cannot be started: {error.strerror or error}.",
                "Close other programs, or raise the limits of processes and open files.",
            ) from error
        return self._child

    def _end(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None


_renderer = _Renderer()


def prestart() -> None:
    """Start the child, so that it imports jinja2 while this process does something else. Raises nothing."""
    with suppress(TemplateError, OSError), _renderer.lock:
        _renderer.child()


def _why(code: int) -> str:
    """Why a child ended with this exit code."""
    if code == -getattr(signal, "SIGPROF", 0) != 0:
        return TOO_LONG
    if code in (OUT_OF_MEMORY, -getattr(signal, "SIGKILL", 9)):
        return TOO_LARGE
    if code < 0:
        with suppress(ValueError):
            return f"rendering it crashed ({signal.Signals(-code).name})"
    return f"rendering it crashed (exit code {code & 0xFFFFFFFF:#x})"


def _paths() -> list[str]:
    """Where the child finds mull and jinja2; it reads no environment, no site folder and no working directory."""
    import mull

    folders = [str(Path(mull.__path__[0]).resolve().parent)]
    for name in ("jinja2", "markupsafe"):
        spec = PathFinder.find_spec(name)
        folders += [str(Path(place).parent) for place in (spec and spec.submodule_search_locations) or ()]
    return list(dict.fromkeys(folders))

"""Signals at any moment of a one-shot turn: the partial answer is saved, mull dies of the signal, nothing crashes."""

from __future__ import annotations

import ctypes
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

if sys.platform == "win32":
    pytest.skip("sends POSIX signals", allow_module_level=True)

import fcntl
import termios

from tests.modes import both_modes
from tests.terminal.harness import Terminal
from tests.waiting import wait_for


class Running:
    """A running `mull --jsonl`: its events, signals to it, and how it ended."""

    def __init__(
        self,
        home: dict[str, str],
        *arguments: str,
        stdin: bytes = b"",
        flags: Sequence[str] = ("--jsonl", "--no-save"),
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mull", *flags, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=home,
        )
        assert self.process.stdin is not None
        self.process.stdin.write(stdin)
        self.process.stdin.close()

    def events(self) -> Iterator[dict[str, Any]]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            yield json.loads(line)

    @property
    def held_up(self) -> bool:
        """Whether the pipe of its output, which has 64 KB, is nearly full."""
        assert self.process.stdout is not None
        unread = ctypes.c_int(0)
        fcntl.ioctl(self.process.stdout, termios.FIONREAD, unread)
        return unread.value > 60_000

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        self.process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """Wait for the end; returns the exit code and the text on stderr."""
        assert self.process.stderr is not None
        assert self.process.stdout is not None
        with self.process:
            rest = b"" if self.process.stdout.closed else self.process.stdout.read()
            self.last_line = (rest.splitlines() or [b""])[-1]
            written = self.process.stderr.read().decode()
            return self.process.wait(60), written

    @property
    def last(self) -> dict[str, Any]:
        """The last object on stdout."""
        found: dict[str, Any] = json.loads(self.last_line)
        return found


@pytest.mark.parametrize(
    ("phase", "flags", "field"),
    [("thinking", [], "thinking"), ("answer", ["--no-reason"], "answer")],
)
@both_modes
def test_interrupt_while_generating(
    home: dict[str, str], slow: Path, phase: str, flags: list[str], field: str
) -> None:
    run = Running(home, "-m", str(slow), *flags, "hi")
    last: dict[str, Any] = {}
    deltas = 0
    for event in run.events():
        last = event
        if event.get("event") == phase:
            deltas += 1
            if deltas == 5:
                run.interrupt()
    code, stderr = run.end()
    assert (code, stderr) == (-signal.SIGINT, "")
    assert last["finish"] == "interrupted"
    assert last[field]
    assert last["usage"]["thinking"] + last["usage"]["answer"] < 1500


@both_modes
def test_interrupt_while_processing_the_prompt(home: dict[str, str], slow: Path) -> None:
    text = "some words that take long to read, " * 800
    run = Running(home, "-m", str(slow), "--ctx", "32768", stdin=text.encode())
    last: dict[str, Any] = {}
    interrupted = False
    for event in run.events():
        last = event
        if event.get("event") == "prompt" and not interrupted:
            interrupted = True
            run.interrupt()
    code, stderr = run.end()
    assert (code, stderr) == (-signal.SIGINT, "")
    assert (last["finish"], last["answer"], last["thinking"]) == ("interrupted", "", "")


INTERRUPTED_AT_AN_IMPORT = """
import os, runpy, signal, sys

FINDER = \'\'\'
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name in MODULE.split():
            sys.meta_path.remove(self)
            print("interrupted", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGINT)
\'\'\'

MODULE, FILE = sys.argv.pop(1), sys.argv.pop(1)
exec(compile(FINDER, FILE, "exec"))
sys.meta_path.insert(0, Interrupt())
runpy.run_module("mull", run_name="__main__", alter_sys=True)
"""


BACKENDS = "mull.backends.local mull.keep_alive.backend"  # one of them is imported, whichever the mode


@pytest.mark.parametrize(
    "module", ["mull.app", "typer.main", "mull.commands.ask", BACKENDS, "mull.commands._session"]
)
@pytest.mark.parametrize("file", ["finder.py", "<frozen importlib._bootstrap>"])
def test_interrupt_while_starting(home: dict[str, str], slow: Path, module: str, file: str) -> None:
    """Ctrl+C while the main thread imports something: mull dies of it, without a traceback.

    Before mull's own code runs, it is Python that is interrupted: nothing here is about that. `file`: the code that is
    interrupted; within that of the import system an exception could be lost, or leave a lock taken.
    """
    command = [
        sys.executable,
        "-c",
        INTERRUPTED_AT_AN_IMPORT,
        module,
        file,
        "--jsonl",
        "--no-save",
        "-m",
        str(slow),
    ]
    done = subprocess.run(
        [*command, "hi"], stdin=subprocess.DEVNULL, capture_output=True, env=home, check=False
    )
    assert (done.returncode, done.stderr.decode()) == (-signal.SIGINT, "interrupted\n")
    for line in done.stdout.splitlines()[-1:]:
        assert json.loads(line)["finish"] == "interrupted"


PLACES = {
    "a descriptor of a class": """
class Descriptor:
    def __set_name__(self, *_): stop()
class Holder:
    descriptor = Descriptor()
""",
    "an enum": """
import enum
class Value(int):
    def __new__(cls, number): stop(); return int.__new__(cls, number)
class Kind(Value, enum.Enum):
    ONE = 1
""",
    "a destructor": """
class Dying:
    def __del__(self): stop()
Dying()
""",
    "the callback of a weak reference": """
import weakref
class Gone: pass
gone = Gone()
weak = weakref.ref(gone, lambda _: stop())
del gone
""",
    "a callback from C": """
import ctypes
ctypes.CFUNCTYPE(None)(stop)()
""",
    "a function for SQL": """
import sqlite3
base = sqlite3.connect(":memory:")
base.create_function("stop", 0, stop)
base.execute("SELECT stop()")
""",
    "an import that makes another error of it": """
try: stop()
except BaseException as error: raise ImportError("numpy cannot be imported") from error
""",
    "a thread's start": """
import threading
threading.Thread(target=stop).start()
while True: pass
""",
}
"""Code of an import, by where in it the signal comes."""

INTERRUPTED_IN_CODE = """
import os, runpy, signal, sys

PLACE = sys.argv.pop(1)

def stop(*_):
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000): pass  # Python handles a signal between two steps

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name in ("mull.backends.local", "mull.keep_alive.backend"):
            sys.meta_path.remove(self)
            exec(PLACE, {"stop": stop})

sys.meta_path.insert(0, Interrupt())
runpy.run_module("mull", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("place", PLACES.values(), ids=list(PLACES))
def test_interrupt_where_the_exception_is_lost_or_becomes_another(
    home: dict[str, str], slow: Path, place: str
) -> None:
    command = [sys.executable, "-c", INTERRUPTED_IN_CODE, place, "--json", "--no-save", "-m", str(slow), "hi"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, env=home, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (-signal.SIGINT, b"")
    assert json.loads(done.stdout)["finish"] == "interrupted"


class Waiting:
    """A mull that has read what is on its stdin and waits for more."""

    def __init__(self, home: dict[str, str], *words: str) -> None:
        read, self._write = os.pipe()
        os.write(self._write, b"hi")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mull", *words],
            stdin=read,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=home,
        )
        left = ctypes.c_int(1)
        wait_for(lambda: fcntl.ioctl(read, termios.FIONREAD, left) or not left.value, "the read")
        os.close(read)

    def end(self, number: signal.Signals) -> tuple[int, bytes, bytes]:
        """Send the signal; returns the exit code and what it printed on stdout and stderr."""
        self.process.send_signal(number)
        printed = self.process.communicate(timeout=60)
        os.close(self._write)
        return self.process.returncode, *printed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_stdin_is_read(home: dict[str, str], number: signal.Signals) -> None:
    """The arguments are known by then: with --json there is an object."""
    code, out, said = Waiting(home, "--no-save", "--json").end(number)
    assert (code, json.loads(out)["finish"], said) == (-number, "interrupted", b"")
    assert Waiting(home, "--no-save").end(number) == (-number, b"", b"")


def test_other_commands_die_of_the_signal_as_well(home: dict[str, str]) -> None:
    assert Waiting(home, "sessions", "import", "-").end(signal.SIGTERM)[0] == -signal.SIGTERM
    assert Waiting(home, "batch", "-m", "pebble", "-").end(signal.SIGHUP)[0] == -signal.SIGHUP


@pytest.mark.parametrize("shown", [["--thinking", "show"], ["-q", "--jsonl"]])
@both_modes
def test_ctrl_c_ends_a_loop_of_the_shell(home: dict[str, str], slow: Path, shown: list[str]) -> None:
    """A shell goes on after a program that exits with 130, and stops after one that died of SIGINT."""
    mull = shlex.join([sys.executable, "-m", "mull", "-m", str(slow), "--no-save", *shown, "hi"])
    script = f'for round in 1 2 3; do echo "ROUND $round"; {mull}; done; echo "IT WENT ON"'
    with Terminal(["/bin/bash", "--norc", "-i", "-c", script], environ=home) as terminal:
        terminal.wait(lambda: b"thought40" in terminal.bytes)
        terminal.press("\x03")
        terminal.exit()
        assert "ROUND 2" not in "".join(terminal.everything)
        assert "WENT ON" not in "".join(terminal.everything)


@both_modes
def test_interrupt_while_loading(home: dict[str, str], slow: Path) -> None:
    run = Running(home, "-m", str(slow), "hi")
    last: dict[str, Any] = {}
    for event in run.events():
        if event.get("event") == "loading" and last.get("event") != "loading":
            run.interrupt()
        last = event
    assert run.end() == (-signal.SIGINT, "")
    assert last["finish"] == "interrupted"


@both_modes
def test_a_second_interrupt_exits_at_once(home: dict[str, str], slow: Path) -> None:
    run = Running(home, "-m", str(slow), "hi")
    for event in run.events():
        if event.get("event") == "thinking":
            run.interrupt()
            run.interrupt()
            break
    assert run.end()[0] == -signal.SIGINT


def saved_turn(home: dict[str, str], name: str) -> dict[str, Any]:
    """The last saved turn of a session; empty when there is none."""
    command = [sys.executable, "-m", "mull", "sessions", "export", name, "--format", "json"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=home, check=False)
    turns: list[dict[str, Any]] = json.loads(done.stdout)["turns"] if done.returncode == 0 else []
    return turns[-1] if turns else {}


@pytest.mark.parametrize(
    "form", [("--jsonl",), ("--json",), ("--thinking", "hide")], ids=["jsonl", "json", "text"]
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@both_modes
def test_a_signal_saves_the_partial_answer_in_the_session(
    home: dict[str, str], slow: Path, number: signal.Signals, form: tuple[str, ...]
) -> None:
    run = Running(home, "-m", str(slow), "--no-reason", "--session", "night", "hi", flags=form)
    wait_for(lambda: run.held_up or saved_turn(home, "night").get("answer"), "an answer on the disk")
    run.interrupt(number)
    code, stderr = run.end()
    assert (code, stderr) == (-number, "")
    turn = saved_turn(home, "night")
    assert turn["finish"] == "interrupted"
    assert turn["answer"].startswith(" word0 word1")
    if form[0].startswith("--json"):
        assert run.last["finish"] == "interrupted"
        assert run.last["answer"].strip().startswith(turn["answer"].strip()[:50])


def test_nohup_is_respected(home: dict[str, str], slow: Path) -> None:
    """A signal that was ignored when mull was started stays ignored."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        run = Running(home, "-m", str(slow), "--no-reason", "--max-tokens", "300", "hi")
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    last: dict[str, Any] = {}
    for event in run.events():
        if event.get("event") == "answer" and last.get("event") != "answer":
            run.interrupt(signal.SIGHUP)
        last = event
    assert run.end() == (0, "")
    assert (last["finish"], last["usage"]["answer"]) == ("length", 300)


@both_modes
def test_a_closed_pipe_saves_the_partial_answer_in_the_session(home: dict[str, str], slow: Path) -> None:
    run = Running(home, "-m", str(slow), "--no-reason", "--session", "night", "hi", flags=())
    assert run.process.stdout is not None
    run.process.stdout.read(50)
    run.process.stdout.close()
    assert run.end() == (0, "")
    assert saved_turn(home, "night")["finish"] == "interrupted"
    assert saved_turn(home, "night")["answer"].startswith(" word0 word1")

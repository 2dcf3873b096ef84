"""Keys that are typed before anything reads them: between a chat's start, its turns and its prompts.

In: the streams. Out: a terminal that neither echoes such keys nor turns Enter into a line feed, so that the next prompt
gets them as they were typed. Its begin settles the theme, as the terminal's answer is read like keys.
`IdleInput.released` restores the terminal's mode for other readers: a turn (which sets its own), an editor, a question.
The context manager restores the mode at its end.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Any, Self

from mull.terminal.console.streams import Streams
from mull.terminal.input.background import ask_terminal, keep_typed, settle_theme, take_typed
from mull.terminal.input.keys import Key
from mull.terminal.input.sequences import Token, Tokenizer

_PLAIN_KEYS = {Token("control", "\r"), Token("control", "\x04")}  # Enter, Ctrl+D


@dataclass(slots=True)
class Typeahead:
    """What was typed during a turn: `lines` that were ended with Enter, and the `text` after them.

    `pieces`: text that came in one piece, as pastes do; the prompt folds the long ones.
    `ended`: Ctrl+D came where there was no text: the user leaves once the lines are answered, unless they type again.
    `confirms`: the user stopped the turn, and is asked before each of the lines is sent.
    """

    lines: list[str] = field(default_factory=list)
    text: str = ""
    pieces: list[str] = field(default_factory=list)
    ended: bool = False
    confirms: bool = False
    interrupted_at: float = float("-inf")  # the last Ctrl+C, in `time.monotonic()` seconds

    def press(self, key: Key) -> None:
        if key.name in {"text", "newline", "backspace", "clear"}:
            self.ended = False
        if key.name in {"interrupt", "escape"}:
            self.confirms = True
        if key.name == "interrupt":
            self.interrupted_at = time.monotonic()
        elif key.name == "end":
            self.ended = not self.text
        elif key.name == "text":
            self.text += key.text
            if len(key.text) > 1:
                self.pieces.append(key.text)
        elif key.name == "newline":
            self.text += "\n"
        elif key.name == "backspace":
            self.text = self.text[:-1]
        elif key.name == "clear":
            self.text = ""
        elif key.name == "up" and self.lines and not self.text:  # the last one that waits, to change it
            self.text = self.lines.pop()
        elif key.name == "enter" and self.text.strip():
            self.lines.append(self.text)
            self.text = ""


class IdleInput:
    """Keep the terminal from echoing keys that nothing reads yet. A context manager around a whole chat."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._fd = streams.stdin.fileno() if streams.stdin_tty and sys.platform != "win32" else -1
        self._before: list[Any] | None = None
        self._signals: set[int] = set()  # those with a handler that ends the chat by an exception
        self.lines: list[str] = []  # typed before the chat began, each ended with Enter
        self.ended = False  # Ctrl+D was typed before the chat began
        self.text = ""  # typed after the last Enter
        self.typed = False  # something waits for the prompt

    def __enter__(self) -> Self:
        try:
            self._hold()
            settle_theme(self._streams)
            ask_terminal(self._streams)
            self._take_waiting()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()
        for number in self._signals:
            signal.signal(number, signal.SIG_DFL)

    @contextmanager
    def released(self) -> Iterator[None]:
        """The terminal's own mode, while something else reads from it."""
        self._release()
        try:
            yield
        finally:
            self._hold()

    def _take_waiting(self) -> None:
        """Read keys typed before the chat. Where others than text, Enter and Ctrl+D are among them, such as Backspace
        or an arrow, all of them are left to the prompt, which knows what they do."""
        if self._fd < 0 or sys.platform == "win32":
            return
        data = take_typed()
        with suppress(OSError):
            if select.select([self._fd], [], [], 0)[0]:
                data += os.read(self._fd, 65536)
        # In the terminal's own mode Enter has become a line feed, and Linux gives a waiting Ctrl+D as NUL.
        typed = data.decode("utf-8", "surrogateescape").translate({0: "\x04", ord("\n"): "\r"})
        tokenizer = Tokenizer(0.0)
        tokens = tokenizer.feed(typed, 0.0)
        if all(token.kind in {"text", "paste"} or token in _PLAIN_KEYS for token in tokens):
            self._queue(tokens)
            typed = tokenizer.pending
        self.typed = bool(self.text or typed)
        keep_typed(typed.encode("utf-8", "surrogateescape"))

    def _queue(self, tokens: Sequence[Token]) -> None:
        for token in tokens:
            if token.kind != "control":
                self.text += token.text
            elif token.text == "\r" and self.text.strip():
                self.lines.append(self.text)
                self.text = ""
            elif token.text == "\x04" and not self.text:
                self.ended = True
                break

    def _hold(self) -> None:
        if self._fd < 0 or sys.platform == "win32":
            return
        for number in (
            signal.SIGTERM,
            signal.SIGHUP,
        ):  # their default action would leave the terminal without echo
            if signal.getsignal(number) is signal.SIG_DFL:
                with suppress(ValueError):  # not the main thread
                    signal.signal(number, _end)
                    self._signals.add(number)
        import termios

        with suppress(termios.error):  # the terminal is gone
            self._before = termios.tcgetattr(self._fd)
            mode = termios.tcgetattr(self._fd)
            mode[0] &= ~termios.ICRNL
            mode[3] &= ~(termios.ECHO | termios.ICANON)  # ISIG stays: Ctrl+C ends a chat that has not started
            mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self._fd, termios.TCSANOW, mode)

    def _release(self) -> None:
        before, self._before = self._before, None
        if before is not None and sys.platform != "win32":
            import termios

            with suppress(termios.error):
                termios.tcsetattr(self._fd, termios.TCSANOW, before)


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)

"""Terminal input as tokens: typed text, control characters, escape sequences, pastes.

In: decoded input in any chunks, and when they arrived. Out: the same tokens for any chunking. A sequence that comes
apart (a slow line) is joined; one that never ends costs no more than a moment. Reports of the terminal (OSC, DCS and
their like) and mouse events are dropped. Times are `time.monotonic()` seconds.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from mull.terminal.input.key_codes import plain

TOGETHER = 0.05  # seconds between an escape and another key that make it Alt+key
REST = 0.3  # for the rest of a sequence that has begun
REPORT = 1.0  # for a terminal's report to end
LATE = 0.6  # for the rest of a sequence whose escape was taken for the Esc key
PASTE = 1.0  # of silence that end a paste whose end got lost

Kind = Literal["text", "control", "escape", "alt", "sequence", "paste", "lines"]


class Token(NamedTuple):
    """`text`: the characters, the control character, the one after Alt, the whole sequence, what was pasted,
    or lines that look like it (`unbracketed.py`)."""

    kind: Kind
    text: str = ""


_PASTE_BEGIN, _PASTE_END = "\x1b[200~", "\x1b[201~"
_REPORTS = "]PX^_"  # OSC, DCS, SOS, PM, APC
_TEXT = re.compile(r"[^\x00-\x1f\x7f-\x9f]+")
# An escape sequence as far as it has come; it is whole with its last group.
_CSI = re.compile(r"\x1b\[(?:\[([A-E])|M(.{3})|(?!M)[0-?]*[ -/]*([@-Z\\-~]))", re.DOTALL)
_CSI_BEGUN = re.compile(r"\x1b\[(?:\[|M.{0,2}|[0-?]*[ -/]*)", re.DOTALL)
_SS3 = re.compile(r"\x1bO[0-9;]*[ -:<-~]")
_SS3_BEGUN = re.compile(r"\x1bO[0-9;]*")
_REPORT = re.compile(r"\x1b[\]PX^_][^\x00-\x06\x08-\x1f]*?(?:\x07|\x1b\\|\x9c)")
_REPORT_BEGUN = re.compile(r"\x1b[\]PX^_][^\x00-\x1f]*(?:\x1b\Z)?")
# What comes late, after its escape: the rest of a key's sequence, or of a report.
_REST = re.compile(r"\[[0-9;]*[A-HZ~u]|O[A-DFHP-S]|\]\d+;")
_REST_BEGUN = re.compile(r"\[[0-9;]*")
_INTERRUPT = re.compile(r"\x03+|\x1b\[99;5u|\x1b\[27;5;99~")


class Tokenizer:
    """`escape_seconds`: how long an escape waits for the rest of a sequence until it is the Esc key."""

    def __init__(self, escape_seconds: float) -> None:
        self._escape_seconds = escape_seconds
        self._pending = ""
        self._begun = self._last = float("-inf")  # when `_pending` began, and when input last arrived
        self._escaped = float("-inf")  # when an escape was taken for the Esc key
        self._doubtful = False  # `_pending` continues that escape, unless what follows says otherwise
        self._pasted: list[str] | None = None
        self._edge = ""  # the last characters of a paste, which may be the begin of its end

    @property
    def deadline(self) -> float | None:
        """When `flush` decides about what is incomplete; None where nothing is."""
        if self._pasted is not None:
            return self._last + PASTE
        if not self._pending:
            return None
        if self._pending == "\x1b":
            return self._last + self._escape_seconds
        if self._pending[1] in _REPORTS and len(self._pending) > 2:
            return self._begun + REPORT
        return self._last + REST

    @property
    def pending(self) -> str:
        """The begin of a sequence whose rest has not come yet."""
        return self._pending

    def feed(self, data: str, now: float) -> list[Token]:
        if not data:
            return []
        pause, self._last = now - self._last, now
        if self._pasted is not None:
            return self._paste(data, pause, now)
        tokens: list[Token] = []
        if self._pending == "\x1b" and pause > TOGETHER and not _continues(data):
            tokens, self._pending = [Token("escape")], ""
        elif self._doubtful and not _continues(self._pending[1:] + data):
            data, self._pending, self._doubtful = self._pending[1:] + data, "", False
        elif not self._pending and now - self._escaped < LATE and _continues(data):
            self._pending, self._doubtful = "\x1b", True
            self._escaped = float("-inf")
        if not self._pending:
            self._begun = now
        return tokens + self._split(self._pending + data, now)

    def flush(self, now: float) -> list[Token]:
        """What the time has decided."""
        if (deadline := self.deadline) is None or now < deadline:
            return []
        if self._pasted is not None:
            return self._end_paste()
        pending, self._pending = self._pending, ""
        doubtful, self._doubtful = self._doubtful, False
        if pending == "\x1b":
            self._escaped = now
            return [Token("escape")]
        if doubtful:
            return [Token("text", pending[1:])]
        return [Token("alt", pending[1])] if len(pending) == 2 else []

    def _split(self, text: str, now: float) -> list[Token]:
        """Tokens of the text, up to what is incomplete."""
        tokens: list[Token] = []
        at = 0
        while at < len(text):
            if found := _TEXT.match(text, at):
                tokens.append(Token("text", found[0]))
                at = found.end()
            elif text.startswith(_PASTE_BEGIN, at):
                self._pending, self._pasted = "", []
                return tokens + self._paste(text[at + len(_PASTE_BEGIN) :], 0.0, now)
            elif text[at] != "\x1b":
                if text[at] < "\x80":
                    tokens.append(Token("control", text[at]))
                at += 1
            else:
                token, length = _sequence(text, at)
                if not length:
                    break
                if token is not None:
                    tokens.append(token)
                at += length
        self._pending = text[at:]
        self._doubtful = self._doubtful and bool(self._pending)
        return tokens

    def _paste(self, data: str, pause: float, now: float) -> list[Token]:
        """A part of a paste. Ctrl+C that comes alone interrupts it: its end got lost."""
        if pause > TOGETHER and _INTERRUPT.fullmatch(data):
            return [*self._end_paste(), *self._split(data, now)]
        data = self._edge + data
        end = data.find(_PASTE_END)
        cut = end if end >= 0 else max(0, len(data) - len(_PASTE_END) + 1)
        self._edge = "" if end >= 0 else data[cut:]
        if self._pasted is not None:
            self._pasted.append(data[:cut])
        return [*self._end_paste(), *self._split(data[end + len(_PASTE_END) :], now)] if end >= 0 else []

    def _end_paste(self) -> list[Token]:
        text = "".join([*(self._pasted or []), self._edge]).replace("\r\n", "\n").replace("\r", "\n")
        self._pasted, self._edge = None, ""
        return [Token("paste", text)] if text else []


def _sequence(text: str, at: int) -> tuple[Token | None, int]:
    """The token of the escape at `at` and its number of characters; 0 where it is incomplete."""
    if found := _CSI.match(text, at) or _SS3.match(text, at):
        return _token(found[0]), len(found[0])
    if found := _REPORT.match(text, at):
        return None, len(found[0])
    for begun in (_CSI_BEGUN, _SS3_BEGUN, _REPORT_BEGUN):
        if found := begun.match(text, at):
            # The end of the input, or a character that no sequence may have: what was begun is dropped.
            return None, len(found[0]) if found.end() < len(text) else 0
    if at + 1 == len(text):
        return None, 0
    if text[at + 1] == "\x1b":
        return Token("escape"), 1
    return Token("alt", text[at + 1]), 2


def _token(sequence: str) -> Token | None:
    key = plain(sequence)
    if not key or key.startswith(("\x1b[<", "\x1b[M")):  # the mouse
        return None
    if key == "\x1b":
        return Token("escape")
    if key[0] != "\x1b":
        return Token("text" if key.isprintable() else "control", key)
    return Token("alt", key[1]) if len(key) == 2 else Token("sequence", key)


def _continues(data: str) -> bool:
    """Is this the rest of a key's sequence, which began with an escape?"""
    return _REST.match(data) is not None or _REST_BEGUN.fullmatch(data) is not None

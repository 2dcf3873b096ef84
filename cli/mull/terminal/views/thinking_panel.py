"""The thinking panel: the lines that show a model's thinking, and the summary that stays.

In: thinking text as it arrives, the time, and whether the panel is folded. Out: lines for the live region, at most as
many as requested, and lines for the scrollback once the thinking has ended. It stores the text and paints nothing.

Views (`--thinking`): `auto` shows the newest lines and folds to a summary; `show` leaves the whole text on the
screen; `fold` shows one line only; `hide` shows one line and leaves no summary. Ctrl+O overrides each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from mull.settings import ThinkingView
from mull.terminal.console.quantities import duration, token_count
from mull.terminal.console.sanitize import Sanitizer
from mull.terminal.console.style import Style
from mull.terminal.console.width import clip, fitting, width
from mull.terminal.views.wrapping import WrappedText

PEEK_LINES = 6
GUTTER = 3  # columns: the bar, a space, and the last column, which stays free
STEADY_SECONDS = 0.5  # no speed is shown before
_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ASCII_FRAMES = "|/-\\"
FRAME_SECONDS = 0.1
Fold = Literal["folded", "peek", "open"]


class ThoughtText(Protocol):
    """How thoughts become lines: `WrappedText` or `MarkdownThoughts`. `styled`: the lines have their codes already."""

    styled: bool

    def feed(self, text: str) -> None: ...
    def finish(self) -> None: ...
    def newest(self, columns: int, rows: int) -> Sequence[str]: ...
    def take(self, columns: int) -> Sequence[str]: ...
    def all(self, columns: int) -> Sequence[str]: ...


class ThinkingPanel:
    """One section of thinking. Times are `time.monotonic()` seconds, passed by the caller.

    `text` lays the thoughts out; by default they are wrapped. `before`: the thinking tokens of the turn's earlier
    sections, as events count from the turn's beginning.
    """

    def __init__(
        self,
        view: ThinkingView,
        style: Style,
        *,
        unicode: bool,
        began: float,
        before: int = 0,
        text: ThoughtText | None = None,
    ) -> None:
        self.view = view
        self.style = style
        self.unicode = unicode
        self.began = began
        self.ended: float | None = None
        self.tokens = 0
        self.before = before
        self.answer_now = False  # Tab was pressed: shown until the answer begins
        starts: dict[ThinkingView, Fold] = {
            "auto": "peek",
            "show": "open",
            "fold": "folded",
            "hide": "folded",
        }
        self.fold: Fold = starts[view]
        self._text: ThoughtText = text or WrappedText()  # with `show`: without the lines in the scrollback
        self._sanitizer = Sanitizer()

    def feed(self, text: str, tokens: int) -> None:
        self._text.feed(self._sanitizer.feed(text))
        self.tokens = tokens - self.before

    def finish(self, now: float) -> None:
        """The thinking has ended. May be called again."""
        if self.ended is None:
            self.ended = now
            self._text.feed(self._sanitizer.finish())
            self._text.finish()

    def toggle(self) -> None:
        """Ctrl+O: fold, or open fully; a panel opened by the user stays on the screen when the thinking ends."""
        self.fold = "open" if self.fold == "folded" else "folded"

    def live(self, columns: int, rows: int, now: float, *, keys: Sequence[str] = ()) -> list[str]:
        """During the thinking: the status line, and below it the newest lines of text; at most `rows` lines.

        `keys`: what the keys do, beside the status, as many as fit.
        """
        lines = [self._status(f"{spinner(now - self.began, self.unicode)} ", columns, now, keys)]
        room = rows - 1
        if self.fold == "folded" or room < 1:
            return lines
        return lines + self._newest(columns, min(room, PEEK_LINES) if self.fold == "peek" else room)

    def streamed(self, columns: int) -> list[str]:
        """With `show`, the lines that became final since the last call, for the scrollback."""
        if self.view != "show" or self.fold != "open":
            return []
        return self._gutter(self._text.take(columns - GUTTER))

    def reopened(self, columns: int, rows: int) -> list[str]:
        """After the thinking, opened again: the summary, and below it the text's last lines."""
        lines = [self.style(clip(f"{self._mark('▾')} {self.summary()} · Ctrl+O folds", columns), "muted")]
        return lines + (self._newest(columns, rows - 1) if rows > 1 else [])

    def left(self, columns: int, fold: Fold, *, answered: bool = True) -> list[str]:
        """The lines that stay in the scrollback: a summary, or the whole text if the panel is open.

        `answered`: with a blank line at their end, which separates them from an answer.

        No summary of no tokens: the thinking of an answer that is continued was summarized before.
        """
        gap = [""] if answered else []
        heads = [self.style(f"{self._mark('▾')} {self.summary()}", "muted")] if self.tokens else []
        if fold == "open":
            lines = self._gutter(self._text.all(columns - GUTTER))
            return [*lines, *heads, *gap] if self.view == "show" else [*heads, *lines, *gap]
        if self.view == "hide" or not self.tokens:
            return []
        parts = self.summary().split(f" {self._mark('·')} ")
        shown = fitting(parts, columns - 2, f" {self._mark('·')} ")  # a row that wraps would break a word
        return [self.style(f"{self._mark('▸')} {shown}", "muted"), *gap]

    def summary(self) -> str:
        """`Thought for 4.2 s · 312 tokens`."""
        seconds = (self.ended if self.ended is not None else self.began) - self.began
        return f"Thought for {duration(seconds)} {self._mark('·')} {token_count(self.tokens)}"

    def _status(self, prefix: str, columns: int, now: float, keys: Sequence[str]) -> str:
        """Activity, duration, tokens, speed and keys: as much as fits."""
        elapsed = max(now - self.began, 1e-6)
        parts = ["Answering now" if self.answer_now else "Thinking", duration(elapsed)]
        parts.append(token_count(self.tokens))
        if elapsed >= STEADY_SECONDS:
            parts.append(f"{self.tokens / elapsed:.0f} tokens/s")
        room = columns - 1 - width(prefix)
        head = fitting(parts, room, f" {self._mark('·')} ")
        hint = fitting(keys, room - width(head) - 2, f" {self._mark('·')} ", clipped=False)
        name = "accent" if self.answer_now else "bold"
        return self.style(prefix + head, name) + (self.style("  " + hint, "muted") if hint else "")

    def _newest(self, columns: int, rows: int) -> list[str]:
        return self._gutter(self._text.newest(columns - GUTTER, rows))

    def _gutter(self, lines: Sequence[str]) -> list[str]:
        bar = self._mark("│")
        if self._text.styled:
            return [self.style(f"{bar} ", "thinking") + line for line in lines]
        return [self.style(f"{bar} {line}", "thinking") for line in lines]

    def _mark(self, char: str) -> str:
        return char if self.unicode else {"▸": ">", "▾": "v", "│": "|", "·": "-"}[char]


def spinner(seconds: float, unicode: bool) -> str:
    """The spinner's frame, `seconds` after its start."""
    frames = _FRAMES if unicode else _ASCII_FRAMES
    return frames[int(seconds / FRAME_SECONDS) % len(frames)]

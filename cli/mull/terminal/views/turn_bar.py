"""The bar of a running turn, on one line: what it does, seconds, tokens, tokens per second, and what the keys do.

In: the turn's events, and times as `time.monotonic()` seconds. Out: a line for the live region.
"""

from __future__ import annotations

from collections.abc import Sequence

from mull.events import AnswerDelta, Event, Loading, PromptProgress, ThinkingDelta, Waiting
from mull.terminal.console.quantities import duration, token_count
from mull.terminal.console.sanitize import one_line
from mull.terminal.console.style import Style
from mull.terminal.console.width import fitting, width
from mull.terminal.views.thinking_panel import STEADY_SECONDS, spinner

GAP = "   "  # between figures and keys


def waiting_text(event: Waiting) -> str:
    """What is being waited for: `Connecting to office`, `Waiting for office`."""
    return f"{'Waiting for' if event.connected else 'Connecting to'} {one_line(event.server)}"


class TurnBar:
    """The figures of one turn."""

    def __init__(self, style: Style, *, unicode: bool, began: float) -> None:
        self._style = style
        self._unicode = unicode
        self._began = began
        self._first: float | None = None  # when the first token came
        self._thought = self._answered = 0  # tokens
        self._status: list[str] = ["Starting"]
        self._prefill: tuple[float, int] | None = (
            None  # when the prefill was first reported, and tokens done by then
        )

    def take(self, event: Event, now: float) -> None:
        if isinstance(event, Loading):
            self._status = [f"Loading {one_line(event.model)}", f"{event.fraction:.0%}"]
        elif isinstance(event, Waiting):
            self._status = [waiting_text(event)]
        elif isinstance(event, PromptProgress):
            self._status = ["Prompt", *self._progress(event, now)]
        elif isinstance(event, ThinkingDelta):
            self._count(now)
            self._thought = event.tokens
        elif isinstance(event, AnswerDelta):
            self._count(now)
            self._answered = event.tokens
            self._thought = max(self._thought, event.thinking_tokens)

    def line(self, columns: int, now: float, keys: Sequence[str], *, status: Sequence[str] = ()) -> str:
        """`status` takes the place of what the turn does; `keys`: as many as fit beside it."""
        parts = status or self.figures(now)
        joint = " · " if self._unicode else " - "
        spin = spinner(now - self._began, self._unicode) + " "
        room = columns - 1 - len(spin)
        first = len(GAP) + width(keys[0]) if keys else 0
        head = fitting(parts, room - first, joint)
        if joint not in head:  # the key would leave too little
            head = fitting(parts, room, joint)
        hint = fitting(keys, room - width(head) - len(GAP), joint, clipped=False)
        shown = self._style(spin, "accent") + self._style(head, "bar")
        return shown + (self._style(GAP + hint, "bar") if hint else "")

    def figures(self, now: float) -> list[str]:
        """What the turn does; once it generates, seconds since its beginning, tokens, tokens per second."""
        tokens = self._thought + self._answered
        if self._first is None or not self._answered:
            return self._status
        parts = [duration(now - self._began), token_count(tokens)]
        if (elapsed := now - self._first) >= STEADY_SECONDS:
            parts.append(f"{tokens / elapsed:.0f} tokens/s")
        return parts

    def _count(self, now: float) -> None:
        if self._first is None:
            self._first = now

    def _progress(self, event: PromptProgress, now: float) -> list[str]:
        parts = [f"{event.done:,} of {event.total:,} tokens"]
        if self._prefill is None:
            self._prefill = now, event.done
        began, before = self._prefill
        if now - began >= STEADY_SECONDS and event.done > before:
            rate = (event.done - before) / (now - began)
            parts += [f"{duration((event.total - event.done) / rate, 0)} left", f"{rate:,.0f} tokens/s"]
        if event.cached:
            parts.append(f"{event.cached:,} cached")
        return parts

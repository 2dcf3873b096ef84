"""The wrapper of one answer: whether a tag such as `<answer>` begins or ends it, or is part of the text.

In: the markers, the texts of the conversation, then each tag with the text around it. Out: True, False, or None where
what follows decides. A tag that no template spells counts only at the very beginning of the answer, before text, and
only if the conversation does not spell it: otherwise it was requested, and stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from mull.reasoning.marker_table import Action, MarkerTable, StateMarkers
from mull.reasoning.parts import OutputBuffer

ELEMENT = re.compile(r"<[\w!?/]")


class AnswerWrapper:
    """The wrapper of one turn's answer."""

    def __init__(self, markers: MarkerTable, texts: Iterable[str]) -> None:
        self._markers = markers
        said, guessed = tuple(texts), markers.guessed | markers.frames
        self._requested = {tag for tag in guessed if any(markers.spelled(tag) in text for text in said)}
        self._opening = ""
        self._closing = markers.symbols(markers.profile.answer_end or "")

    @property
    def unclosed(self) -> str:
        """The tag that opened the wrapper, spelled out; empty where none did, or the wrapper was closed."""
        return self._markers.spelled(self._opening)

    def open(self, tag: str) -> None:
        """The answer begins with this marker; nothing happens if it is no wrapper."""
        if closing := self._markers.wrappers.get(tag):
            self._opening, self._closing = tag, closing

    def close(self) -> None:
        """The wrapper has ended: later tags are text."""
        self._opening = self._closing = ""

    def frames(self, tag: str, before: str, output: OutputBuffer) -> bool:
        """Whether a tag frames a result within the answer: it was not requested, and is not in a code fence."""
        return tag not in self._requested and output.may_unwrap(before, "")

    def begins(self, tag: str, after: str, *, final: bool) -> bool | None:
        """Whether a tag at the beginning of the answer wraps it: text follows, not an element inside it."""
        text = after.lstrip()
        if tag in self._requested:
            return False
        if text in ("", "<") and not final:
            return None
        return not ELEMENT.match(text)

    def ends(
        self, tag: str, before: str, after: str, table: StateMarkers, output: OutputBuffer, *, final: bool
    ) -> bool | None:
        """Whether the wrapper ends with this tag: nothing follows it on its line, and it is not in a code fence."""
        if tag != self._closing or not output.may_unwrap(before, self._opening):
            return False
        rest = after.lstrip(" \t")
        if rest.startswith(("\n", "\r")) or (final and not rest):
            return True
        if not final and (not rest or rest in table.prefixes):
            return None
        end = table.regex.match(rest) if table.regex else None
        return end is not None and table.actions[end.group()] is Action.END

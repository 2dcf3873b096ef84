"""Long pastes at the prompt, folded to a marker such as `[pasted 60 lines]`.

In: pasted text. Out: one character for the input's buffer, which the prompt draws as the marker: the cursor steps over
it and Backspace deletes it. These characters are high surrogates, which no terminal, file or history can send: the
marker typed by hand is text. `Pastes.whole` gives the text back, for the model, the history and the editor.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING

from mull.terminal.console.quantities import counted
from mull.terminal.console.width import wrap

if TYPE_CHECKING:
    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
    from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput

LINES, CHARACTERS = 10, 1000  # a longer paste is folded
KEY = "Ctrl+X Ctrl+P"
_FIRST, _LAST = 0xD800, 0xDBFF
_MARK = re.compile(f"[{chr(_FIRST)}-{chr(_LAST)}]")


class Pastes:
    """The folded pastes of a chat. They are kept, as an undo or a yank brings a deleted one back."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._marks: dict[str, str] = {}

    def fold(self, text: str, *, short: bool = False) -> str:
        """A mark for the text; the text itself if it is short (unless `short` ones are folded, too), or if a chat has
        folded more than a thousand."""
        if _lines(text) <= LINES and len(text) <= CHARACTERS and not short:
            return text
        if text not in self._marks:
            number = _FIRST + len(self._texts)
            if number > _LAST:
                return text
            self._marks[text] = chr(number)
            self._texts[chr(number)] = text
        return self._marks[text]

    def whole(self, text: str) -> str:
        """The input with all of its pastes."""
        return _MARK.sub(lambda found: self._texts.get(found[0], ""), text)

    def lead(self, text: str) -> bool:
        """Whether the input begins with a paste."""
        return _MARK.match(text.lstrip()) is not None

    def titled(self, text: str) -> str:
        """The input as it looks: with the markers."""
        return _MARK.sub(lambda found: self.title(found[0]), text)

    def folded(self, text: str) -> str:
        """The input with its pastes folded again, as far as they are unchanged."""
        for paste in sorted(self._marks, key=len, reverse=True):
            for found in (paste, paste.strip()):  # a question that comes back has no outer white space
                if found in text:
                    text = text.replace(found, self.fold(found))
        return text

    def fitting(self, text: str, columns: int, rows: int) -> str:
        """The input with its pastes folded again, and folded as a whole where it takes more than `rows`."""
        folded = self.folded(text)
        return folded if len(wrap(folded, columns)) <= rows else self.fold(text, short=True)

    def title(self, mark: str) -> str:
        """What the prompt draws for a mark."""
        text = self._texts.get(mark, "")
        lines = _lines(text)
        return f"[pasted {counted(lines, 'line') if lines > 1 else counted(len(text), 'character')}]"

    def toggle(self, buffer: Buffer) -> None:
        """Unfold the buffer's pastes; if none is folded, fold them again."""
        _replace(buffer, self.whole if _MARK.search(buffer.text) else self.folded)

    def edit(self, buffer: Buffer, *, submit: bool = False) -> None:
        """Open the whole input in $EDITOR."""
        _replace(buffer, self.whole)
        task = buffer.open_in_editor(validate_and_handle=submit)
        task.add_done_callback(lambda _task: _replace(buffer, self.folded))

    def bind(self, bindings: KeyBindings) -> None:
        """Bind pasting, the key that unfolds, and the keys that open the editor."""
        from prompt_toolkit.enums import DEFAULT_BUFFER
        from prompt_toolkit.filters import has_focus, vi_navigation_mode

        @bindings.add("<bracketed-paste>", filter=has_focus(DEFAULT_BUFFER))
        def _paste(event: KeyPressEvent) -> None:
            text = event.data.replace("\r\n", "\n").replace("\r", "\n")
            event.current_buffer.insert_text(self.fold(text))

        @bindings.add("c-x", "c-p")
        def _toggle(event: KeyPressEvent) -> None:
            self.toggle(event.current_buffer)

        @bindings.add("c-x", "c-e")
        def _edit(event: KeyPressEvent) -> None:
            self.edit(event.current_buffer)

        @bindings.add("v", filter=vi_navigation_mode)
        def _edit_and_submit(event: KeyPressEvent) -> None:
            self.edit(event.current_buffer, submit=True)

    def processor(self) -> Processor:
        """Draws the marks."""
        from prompt_toolkit.layout.processors import Processor, Transformation

        title = self.title

        class _Markers(Processor):
            def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
                fragments: StyleAndTextTuples = []
                starts, column = [0], 0
                for style, text, *_ in transformation_input.fragments:
                    for char in text:
                        shown = title(char) if _MARK.match(char) else char
                        fragments.append((f"{style} class:paste" if shown is not char else style, shown))
                        column += len(shown)
                        starts.append(column)
                if column == len(starts) - 1:
                    return Transformation(transformation_input.fragments)
                return Transformation(
                    fragments,
                    source_to_display=lambda at: starts[min(at, len(starts) - 1)],
                    display_to_source=lambda at: bisect_right(starts, at) - 1,
                )

        return _Markers()


def _lines(text: str) -> int:
    return text.rstrip("\n").count("\n") + 1


def _replace(buffer: Buffer, change: Callable[[str], str]) -> None:
    """Change the buffer's text, and leave the cursor where it is in it."""
    from prompt_toolkit.document import Document

    text = change(buffer.text)
    if text != buffer.text:
        before = change(buffer.document.text_before_cursor)
        buffer.save_to_undo_stack()
        buffer.document = Document(text, min(len(before), len(text)))

"""Ctrl+R at the prompt, with the ends of readline's search.

In: what Enter does with a line. Out: key bindings, and what the bar shows meanwhile. Enter takes the match and submits
it; Esc keeps the match in the line; Alt+Enter and a key that moves the cursor or edits do, too, and then act on it;
Ctrl+G and Ctrl+C restore the line from before the search. prompt_toolkit starts the search and finds the matches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

SEARCH_KEYS = ("Enter sends", "Esc keeps", "Ctrl+R earlier", "Ctrl+S later", "Ctrl+G cancels")
_ACT_ON_THE_MATCH = ("left", "right", "up", "down", "home", "end", "delete", "tab", "c-left", "c-right", "c-a", "c-b",
                     "c-d", "c-e", "c-f", "c-k", "c-n", "c-p", "c-t", "c-u", "c-y")  # fmt: skip


class Search:
    """The end of a search in one prompt's history."""

    def __init__(self) -> None:
        self._before = (0, 0)  # the line's number in the history, and the cursor in it, when the search began

    def watch(self, session: PromptSession[str]) -> None:
        """Remember the line before each key: every Ctrl+R moves to the line of its match."""

        def remember(_keys: object) -> None:
            if not session.app.layout.is_searching:
                buffer = session.default_buffer
                self._before = (buffer.working_index, buffer.cursor_position)

        session.app.key_processor.before_key_press += remember

    def bind(self, bindings: KeyBindings, submit: Callable[[Buffer], None]) -> None:
        """Add the keys that end a search; call it after all others are added."""
        from prompt_toolkit.filters import is_searching
        from prompt_toolkit.key_binding.key_processor import KeyPress
        from prompt_toolkit.keys import Keys
        from prompt_toolkit.search import accept_search, stop_search

        def keep(event: KeyPressEvent) -> None:
            if event.app.current_buffer.text:
                accept_search()
            else:  # accepting would search for the text of the search before
                stop_search()

        def act(event: KeyPressEvent) -> None:
            keep(event)
            event.app.key_processor.feed(KeyPress(event.key_sequence[0].key, event.data), first=True)

        def escape(event: KeyPressEvent) -> None:
            keep(event)
            waiting = event.app.key_processor.input_queue
            if waiting and waiting[0].key == Keys.ControlM:  # Alt+Enter: the two keys come together
                waiting.popleft()
                event.app.current_buffer.newline(copy_margin=False)

        @bindings.add("enter", filter=is_searching)
        def _submit(event: KeyPressEvent) -> None:
            keep(event)
            submit(event.app.current_buffer)

        @bindings.add("c-g", filter=is_searching)
        @bindings.add("c-c", filter=is_searching)
        @bindings.add("<sigint>", filter=is_searching)
        def _cancel(event: KeyPressEvent) -> None:
            stop_search()
            buffer = event.app.current_buffer
            buffer.working_index, buffer.cursor_position = self._before

        bindings.add("escape", filter=is_searching, eager=True)(escape)  # as eager as prompt_toolkit's own
        bindings.add("c-j", filter=is_searching)(keep)
        for key in _ACT_ON_THE_MATCH:
            bindings.add(key, filter=is_searching)(act)

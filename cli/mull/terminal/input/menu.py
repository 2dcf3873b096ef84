"""The menu of completions at the prompt, and what Enter does in it.

In: the prompt's buffer and a function that suggests. Enter accepts the chosen completion; without one, a word that only
one completion can end is completed by it, and several open the menu. It then says whether the line is to be submitted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mull.terminal.input.completion import Suggest, Suggestion

if TYPE_CHECKING:
    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.completion import CompleteEvent, Completion
    from prompt_toolkit.document import Document


def completer(suggest: Suggest) -> Any:
    """The suggestions as a completer of prompt_toolkit."""
    from prompt_toolkit.completion import Completer

    class _Completer(Completer):
        def get_completions(
            self,
            document: Document,
            complete_event: CompleteEvent,  # noqa: ARG002
        ) -> Iterator[Completion]:
            yield from map(_completion, suggest(document.text_before_cursor))

    return _Completer()


def press_enter(buffer: Buffer, suggest: Suggest) -> bool:
    """Act on Enter; whether the line is to be submitted as it is now."""
    state = buffer.complete_state
    if state is not None and state.current_completion is not None:
        before = state.original_document.text_before_cursor
        chosen = state.current_completion
        buffer.complete_state = None  # its text is in the line already
        return _follow(buffer, _suggestion(chosen, suggest(before)))
    line = buffer.document.text_before_cursor
    if not line.startswith("/") or buffer.document.text_after_cursor.strip():
        return True
    found = [one for one in suggest(line) if one.closed and one.replaces]
    if not found or any(one.text.lower() == line[-one.replaces :].lower() for one in found):
        return True
    if len(found) > 1:
        _open(buffer, found)
        return False
    only = found[0]
    buffer.cancel_completion()
    buffer.delete_before_cursor(only.replaces)
    buffer.insert_text(only.text)
    return _follow(buffer, only)


def _follow(buffer: Buffer, accepted: Suggestion | None) -> bool:
    """What follows an accepted suggestion."""
    if accepted is not None and accepted.enter == "argument":
        buffer.insert_text(" ")
        buffer.start_completion()
    return accepted is not None and accepted.enter == "submit"


def _open(buffer: Buffer, found: list[Suggestion]) -> None:
    """Show these at once, the first one chosen."""
    from prompt_toolkit.buffer import CompletionState

    buffer.complete_state = CompletionState(buffer.document, list(map(_completion, found)))
    buffer.go_to_completion(0)


def _completion(found: Suggestion) -> Completion:
    from prompt_toolkit.completion import Completion

    return Completion(found.text, -found.replaces, display_meta=found.about or None)


def _suggestion(chosen: Completion, offered: Iterator[Suggestion]) -> Suggestion | None:
    return next((one for one in offered if one.text == chosen.text), None)

"""Save what a finished turn computed, for other processes: the KV state of the conversation so far."""

from __future__ import annotations

from collections.abc import Sequence

from mull.errors import MullError
from mull.events import Done
from mull.messages import Message
from mull.settings import TurnSettings
from mull.turn.loaded_model import LoadedModel
from mull.turn.prepare import prepare


def save_prompt_cache(
    loaded: LoadedModel, messages: Sequence[Message], settings: TurnSettings, done: Done
) -> None:
    """Save the KV state of a finished turn in the prompt cache on disk, if that is worth writing.

    The prefix that the conversation's next prompt will share is found by rendering that prompt: most templates drop
    past thinking.
    """
    if done.error is not None or done.finish == "interrupted":
        return
    answer = Message("assistant", done.answer, thinking=done.thinking)
    before = messages[:-1] if settings.continue_answer else messages

    def next_prompt() -> Sequence[int]:
        try:
            return prepare(loaded, [*before, answer, Message("user", "?")], settings).tokens
        except MullError:  # the template refuses this, or the context is full
            return prepare(loaded, messages, settings).tokens

    loaded.engine.save_prompt_cache(next_prompt)

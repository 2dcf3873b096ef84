"""Follow `context_full` where a session is full and no user can be asked: for a single question.

In: the conversation and the question. Out: notices of what the model no longer sees. Raises ContextOverflow where the
policy is to stop, or to ask.
"""

from __future__ import annotations

from collections.abc import Iterator

from mull.backends.base import ChatBackend
from mull.control import TurnControl
from mull.conversation.context_budget import left_out_notice
from mull.conversation.conversation import Conversation, Query
from mull.events import Done, Notice

DROP = "mull config set context_full drop leaves out the oldest turns; or start a new conversation."


def make_room(
    conversation: Conversation, query: Query, backend: ChatBackend, control: TurnControl
) -> Iterator[Notice]:
    """Leave out or summarize the oldest turns until the question fits."""
    policy = conversation.preferences.context_full
    if not conversation.can_drop(query):
        return
    usage = conversation.context_usage(backend, query)
    if policy not in {"drop", "summarize"}:
        if usage.limit is not None and usage.used >= usage.limit:
            raise usage.overflow(DROP)
        return
    if usage.full and policy == "summarize":
        yield from _summarized(conversation, backend, control)
        usage = conversation.context_usage(backend, query)
    if usage.full:
        yield Notice("dropped", left_out_notice(conversation.drop(backend, query)))


def _summarized(conversation: Conversation, backend: ChatBackend, control: TurnControl) -> Iterator[Notice]:
    """Let the model summarize the oldest turns; an incomplete summary replaces nothing."""
    before = len(conversation.left_out)
    summary = ""
    for event in conversation.summarize(backend, control):
        if isinstance(event, Done):
            summary = event.answer.strip()
    if gone := len(conversation.left_out) - before:
        turns = "The oldest turn was" if gone == 1 else f"The {gone} oldest turns were"
        yield Notice("summarized", f"The context was full. {turns} summarized: {summary}")

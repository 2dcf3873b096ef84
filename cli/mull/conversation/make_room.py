"""Follow `context_full` where a session is full and no user can be asked: for a single question.

In: the conversation and the question. Out: notices of what the model no longer sees. Raises ContextOverflow where the
policy is to stop, or to ask.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

from mull.backends.base import ChatBackend
from mull.control import TurnControl
from mull.conversation.context_budget import left_out_notice
from mull.conversation.conversation import Conversation, Query
from mull.errors import ContextOverflow
from mull.events import Done, Event, Notice

POLICIES = {"drop", "summarize"}  # that need no user
DROP = "mull config set context_full drop leaves out the oldest turns; or start a new conversation."


def ask_with_room(
    conversation: Conversation, query: Query, backend: ChatBackend, control: TurnControl
) -> Generator[Event, None, None]:
    """Make room and ask; once more where a server refuses the prompt, which may have more tokens than estimated."""
    yield from make_room(conversation, query, backend, control)
    try:
        yield from conversation.ask(query, backend, control)
    except ContextOverflow:
        again = refused(conversation, query, backend)
        if again is None or conversation.preferences.context_full not in POLICIES:
            raise
    else:
        return
    yield from make_room(conversation, again, backend, control)
    yield from conversation.ask(again, backend, control)


def refused(conversation: Conversation, query: Query, backend: ChatBackend) -> Query | None:
    """The query once more, where the server has refused it and leaving out turns before it can help."""
    last = conversation.last
    if last is None or last.question != query.text or last.finish != "error":
        return None
    again = replace(query, replace=True)
    helps = conversation.can_drop(again) and conversation.context_usage(backend, again).full
    return again if helps else None


def make_room(
    conversation: Conversation, query: Query, backend: ChatBackend, control: TurnControl
) -> Iterator[Notice]:
    """Leave out or summarize the oldest turns until the question fits."""
    policy = conversation.preferences.context_full
    if not conversation.can_drop(query):
        return
    usage = conversation.context_usage(backend, query)
    if policy not in POLICIES:
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

"""Asking a question in a chat: load the model, make it fit the context, stream the answer, comment on its end.

In: the chat and a question. Out: a turn on the screen and in the session; a question that did not get that far returns
to the prompt. Raises MullError when the turn failed, `keys.Leave` for a second Ctrl+C.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from mull.chat_template.process import stoppable
from mull.commands._recommend import BeyondPebble, check_for_pebble, real_model
from mull.commands.chat import context_full
from mull.commands.chat.session import Chat
from mull.control import TurnControl
from mull.conversation.context_budget import ContextUsage, left_out_notice
from mull.conversation.conversation import Query
from mull.conversation.make_room import refused
from mull.errors import ContextOverflow, Interrupted, MullError
from mull.events import LOOPED, Done, Event, Notice
from mull.models.builtin import MODEST
from mull.store.records import TurnRecord


def ask(chat: Chat, query: Query) -> None:
    """Ask, show and store one question."""
    if chat.is_builtin:
        _check_for_pebble(chat, query)
    attempt = _Attempt(chat, query)
    try:
        attempt.run()
    except MullError as error:
        if not attempt.sent:
            chat.conversation.discard()
            if query.begun is None:
                chat.draft, chat.replacing = query.text, query.replace
        if not isinstance(error, Interrupted):
            raise
        if query.begun is None:
            chat.note("Stopped before the question was sent: it is back at the prompt.")
        else:
            chat.note("Stopped: the answer is as it was.")


def _check_for_pebble(chat: Chat, query: Query) -> None:
    """Raise BeyondPebble for what pebble is not made for. An edited question returns to the prompt."""
    last, follows = chat.conversation.last, bool(chat.conversation.path)
    begun = query.begun is not None and last is not None and last.model != chat.backend.name
    try:
        check_for_pebble(query.text, files=query.files, follows=follows, begun=begun, in_chat=True)
    except BeyondPebble:
        if query.replace:
            chat.draft, chat.replacing = query.text, True
        raise


class _Full(Exception):
    """The question does not fit the context, and the user's policy has to decide."""

    def __init__(self, usage: ContextUsage) -> None:
        super().__init__(usage)
        self.usage = usage


class _Attempt:
    """One question on its way to the model. `sent`: the conversation has stored it."""

    def __init__(self, chat: Chat, query: Query) -> None:
        self._chat = chat
        self._query = query
        self.sent = False
        self._refused = False

    def run(self) -> None:
        """Ask; where the context is full, decide what to do and ask again with that policy."""
        chat = self._chat
        policy = chat.conversation.preferences.context_full
        while not self.sent:
            control = TurnControl()
            try:
                began = time.monotonic()
                done = chat.show(self._events(control, policy), control, self._shown())
                chat.finished(time.monotonic() - began)
                _comment(chat, done)
            except ContextOverflow:  # by the server's own count, where the estimate was lower
                if not self._asks_again():
                    raise
            except _Full as full:
                policy = context_full.decide(chat, full.usage, policy)
                if policy == "summarize":
                    context_full.summarize(chat, self._query)
                    policy = "drop"  # in case the summary is not enough

    def _shown(self) -> int:
        """Characters of a continued answer that are on the screen: those before the first that was edited."""
        last, begun = self._chat.conversation.last, self._query.begun
        if last is None or begun is None:
            return 0
        pairs = enumerate(zip(last.answer, begun.content, strict=False))
        return next((i for i, (old, new) in pairs if old != new), min(len(last.answer), len(begun.content)))

    def _asks_again(self) -> bool:
        """Whether to ask a question that the server has refused again, once, with fewer turns before it."""
        if not self.sent or self._refused:
            return False
        again = refused(self._chat.conversation, self._query, self._chat.backend)
        if again is None:
            return False
        self._query, self._refused, self.sent = again, True, False
        return True

    def _events(self, control: TurnControl, policy: str) -> Iterator[Event]:
        chat, query = self._chat, self._query
        conversation = chat.conversation
        if chat.address is None:  # a server loads nothing, and its model's name may not be known yet
            conversation.reserve(query, chat.backend)
        yield from chat.backend.load(control)
        if conversation.catch_up(query):
            yield Notice(
                "session_changed", "Another mull has added turns to this session; they are part of it now."
            )
        with stoppable(lambda: control.stopped):
            dropped = self._make_room(policy)
        if dropped:
            yield Notice("dropped", left_out_notice(dropped))
        self.sent = True
        yield from conversation.ask(query, chat.backend, control)

    def _make_room(self, policy: str) -> Sequence[TurnRecord]:
        """The turns that were left out for the question to fit. Raises _Full, ContextOverflow."""
        chat, query = self._chat, self._query
        conversation = chat.conversation
        usage = conversation.context_usage(chat.backend, query)
        if usage.full and policy == "stop":
            raise context_full.overflow(usage)
        if usage.full and conversation.can_drop(query) and policy in {"ask", "summarize"}:
            raise _Full(usage)
        return conversation.drop(chat.backend, query) if usage.full else ()


def _comment(chat: Chat, done: Done) -> None:
    """The figures that follow a turn, and the error or the note on an incomplete answer."""
    chat.forget_usage()
    chat.show_figures(done)
    if done.error is not None:
        chat.error(done.error, gap=True)
    elif done.finish == "thinking":
        more = "/continue continues, /nothink" if done.limit else "/retry asks again, /nothink"
        chat.note(f"The model thought but never answered. {more} asks without thinking.")
    elif done.finish == "loop":
        chat.note(f"{LOOPED} /retry asks again; /set loop_guard false lets it go on.")
    elif done.finish == "stop" and not done.answer.strip():
        chat.note("The answer is empty. /retry asks again.")
    elif done.finish == "length" and done.limit == "context":
        chat.note("The context is full: the answer was cut. /context shows what fills it.")
    elif done.finish == "length" and done.limit is not None:
        chat.note(
            "The answer was cut at the token limit. /continue continues it, /set max_tokens changes the limit."
        )
    if chat.is_builtin and done.answer in MODEST:
        chat.note(real_model(in_chat=True)[0])
    chat.warn_if_tight()

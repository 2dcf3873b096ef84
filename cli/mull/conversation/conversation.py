"""A conversation: what is handed to the model next, how it branches, and what happens when the context is full.

In: questions and a model that answers. Out: the events of a turn, recorded on their way. Retrying and editing grow a
branch beside the old one. Turns are left out of the context only on request, and remain in the session.
It knows no screen, no command and no loaded weights.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Protocol

from mull.control import TurnControl
from mull.conversation import context_budget
from mull.conversation.branch import Branch
from mull.conversation.context_budget import Room
from mull.conversation.preferences import Preferences
from mull.conversation.recording import record
from mull.errors import ContextOverflow, TemplateError, UsageError
from mull.events import Done, Event
from mull.messages import Message
from mull.settings import ReasoningAsk, Sampling, TurnSettings
from mull.store.records import Attachment, Session, TurnRecord, to_messages, with_files
from mull.store.sessions import Store
from mull.turn.prepare import reject_oversized


class ChatBackend(Protocol):
    """A model that is ready to answer."""

    @property
    def name(self) -> str: ...

    @property
    def context_tokens(self) -> int:
        """What its context can hold at most."""

    def advice(self, on: bool | None) -> Sampling:
        """What its vendor advises with thinking on, off or unsaid."""

    def count(self, messages: Sequence[Message], settings: TurnSettings) -> int:
        """How many tokens a prompt of these messages has."""

    def answer(
        self, messages: Sequence[Message], settings: TurnSettings, control: TurnControl
    ) -> Iterator[Event]:
        """The events of one turn."""


@dataclasses.dataclass(frozen=True, slots=True)
class Query:
    """A question to be asked. `replace`: in place of the last turn. `once`: this turn's wish about thinking.

    `material`: so many characters of the text were piped in before the question.
    """

    text: str
    files: tuple[Attachment, ...] = ()
    replace: bool = False
    once: ReasoningAsk | None = None
    material: int = 0

    @property
    def message(self) -> Message:
        """As the model reads it: the files first."""
        content = with_files(self.text, self.files)
        return Message("user", content, material=len(content) - len(self.text) + self.material)


class Conversation:
    """The state of one chat. `files` wait for the next question."""

    def __init__(self, store: Store, *, system: str = "", preferences: Preferences | None = None) -> None:
        self.branch = Branch(store, system)
        self.preferences = preferences or Preferences()
        self.files: list[Attachment] = []

    @property
    def path(self) -> Sequence[TurnRecord]:
        """The turns of the branch it stands on, oldest first."""
        return self.branch.path

    @property
    def last(self) -> TurnRecord | None:
        return self.branch.last

    # Asking.

    def query(self, text: str, once: ReasoningAsk | None = None, *, material: int = 0) -> Query:
        """A new question, with the files that wait."""
        return Query(text, tuple(self.files), once=once, material=material)

    def again(self, text: str | None = None) -> Query:
        """The last question once more, or another in its place, with its files. Raises UsageError if there is none."""
        last = self.last
        if last is None:
            raise UsageError("empty_conversation", "Nothing has been asked yet.", "Ask something first.")
        return Query(last.question if text is None else text, last.files, replace=True)

    def ask(self, query: Query, model: ChatBackend, control: TurnControl) -> Iterator[Event]:
        """Ask and keep. Raises what the model raises; the question is kept even then."""
        base = self._base(query)
        settings = self.preferences.settings(model.advice, query.once)
        messages = self._handed(base, query)
        reject_oversized(messages, model.context_tokens)  # before it is kept: it may be a hundred megabytes
        self.branch.begin(query.text, base, model.name, settings, query.files)
        self.files = []
        yield from record(
            model.answer(messages, settings, control),
            model=model.name,
            asked=settings.reasoning.asked,
            partial=self.branch.partial,
            finish=self.branch.finish,
        )

    def new(self) -> None:
        """Begin afresh; the system prompt and the wishes stay."""
        self.branch.clear()
        self.files = []

    def open(self, session: Session) -> None:
        """Go on with a session of the store. Raises StoreError."""
        self.branch.open(session)
        self.files = []

    # Room in the context.

    @property
    def left_out(self) -> Sequence[TurnRecord]:
        """The turns of this branch that no longer reach the model as they were."""
        return self.path[: self.branch.first(self.path)]

    def room(self, model: ChatBackend, query: Query | None = None) -> Room:
        """Tokens that the conversation takes now, or would take with a question."""
        return self._room(model, self._handed(self._base(query), query))

    def can_drop(self, query: Query) -> bool:
        """Are there turns that could be left out to make room?"""
        base = self._base(query)
        return len(base) > self.branch.first(base)

    def drop(self, model: ChatBackend, query: Query) -> Sequence[TurnRecord]:
        """Leave out the oldest turns until there is room for this question; returns those that went.

        Raises ContextOverflow when the question alone is too long.
        """
        base = self._base(query)
        first = self.branch.first(base)

        def fits(count: int) -> bool:
            return not self._room(model, self._handed(base, query, first + count)).full

        count = context_budget.first_that_fits(len(base) - first, fits)
        if count is None:  # then all of them, if the question fits at all: with little room for the answer
            alone = self._room(model, self._handed(base, query, len(base)))
            if alone.used >= alone.limit:
                raise ContextOverflow(alone.used, alone.limit)
            count = len(base) - first
        self.branch.leave_out(base, first + count, self.branch.summary)
        return base[first : first + count]

    def summarize(self, model: ChatBackend, control: TurnControl) -> Iterator[Event]:
        """Let the model put all but the newest turns into fewer words. Raises UsageError when there is nothing to.

        The events are the summary's; only a whole one takes the place of the turns.
        """
        first = self.branch.first(self.path)
        settings = dataclasses.replace(
            self.preferences.settings(model.advice, ReasoningAsk(on=False)), stop=()
        )
        if not self.path[first:]:
            raise UsageError("empty_conversation", "There is nothing to summarize.", "/new begins afresh.")

        def newest_fit(count: int) -> bool:
            newest = to_messages(self.path[first + count :])
            return not newest or model.count(newest, settings) <= context_budget.newest_share(
                model.context_tokens
            )

        kept_from = context_budget.first_that_fits(len(self.path) - first, newest_fit) or 0
        last = first + max(kept_from, 1)
        request = self._summary_request(model, settings, self.path[first:last])
        settings = dataclasses.replace(settings, max_tokens=self._room(model, request, settings).reserve)
        for event in model.answer(request, settings, control):
            if isinstance(event, Done) and event.answer.strip() and event.finish in {"stop", "length"}:
                self.branch.leave_out(self.path, last, event.answer.strip())
            yield event

    def context_parts(self, model: ChatBackend) -> list[tuple[str, int]]:
        """What fills the context, in the order it is read: names and tokens."""
        settings = self.preferences.settings(model.advice)
        first = self.branch.first(self.path)
        parts: list[tuple[str, list[Message]]] = []
        if self.branch.system:
            parts.append(("system prompt", [Message("system", self.branch.system)]))
        if first and self.branch.summary:
            parts.append(
                (f"summary of turns 1 to {first}", context_budget.summary_messages(self.branch.summary))
            )
        for number, turn in enumerate(self.path[first:], start=first + 1):
            parts.append((f"{number}. {' '.join(turn.question.split())}", to_messages([turn])))
        known: list[Message] = []
        sizes, before = [], 0
        for name, messages in parts:
            known += messages
            total = before
            with suppress(
                TemplateError
            ):  # some templates refuse a system prompt alone: the next part counts it
                total = model.count(known, settings) if known else 0
            sizes.append((name, total - before))
            before = total
        return sizes

    # Inside.

    def _base(self, query: Query | None) -> Sequence[TurnRecord]:
        return self.path[:-1] if query is not None and query.replace else self.path

    def _handed(
        self, path: Sequence[TurnRecord], query: Query | None = None, first: int | None = None
    ) -> list[Message]:
        """The messages for the model: system prompt, summary, the turns from `first` on, the question."""
        first = self.branch.first(path) if first is None else first
        messages = [Message("system", self.branch.system)] if self.branch.system else []
        messages += context_budget.summary_messages(self.branch.summary if first else "")
        messages += to_messages(path[first:])
        return messages if query is None else [*messages, query.message]

    def _room(
        self, model: ChatBackend, messages: Sequence[Message], settings: TurnSettings | None = None
    ) -> Room:
        settings = settings or self.preferences.settings(model.advice)
        return Room(model.count(messages, settings) if messages else 0, model.context_tokens)

    def _summary_request(
        self, model: ChatBackend, settings: TurnSettings, old: Sequence[TurnRecord]
    ) -> list[Message]:
        """Ask for a summary of as many of these turns as fit the context together with the request."""

        def fits(skipped: int) -> bool:
            request = context_budget.summary_request(old[skipped:], self.branch.summary)
            return not self._room(model, request, settings).full

        skipped = context_budget.first_that_fits(len(old), fits) or 0
        return context_budget.summary_request(old[skipped:], self.branch.summary)

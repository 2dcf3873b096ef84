"""A conversation: which messages are sent next, how it branches, and what is left out when the context is full.

In: questions and a `ChatBackend`. Out: the events of a turn, recorded as they pass. Retrying or editing a question
starts a new branch beside the old one. Turns are left out of the context only on request; the session retains them.
It knows neither a screen nor a command.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress

from mull.backends.base import ChatBackend, TokenCount, check_supported, noticed
from mull.control import TurnControl
from mull.conversation import context_budget
from mull.conversation.branch import Branch, changed_elsewhere
from mull.conversation.context_budget import ContextUsage
from mull.conversation.preferences import Preferences, asked_before, format_before
from mull.conversation.ran import what_ran, with_seed
from mull.conversation.recording import record
from mull.dataclass import dataclass
from mull.errors import RAISE_CTX, ContextOverflow, TemplateError, UsageError
from mull.events import Done, Event, Notice
from mull.messages import Message, least_tokens
from mull.settings import AnswerFormat, ReasoningAsk, TurnSettings
from mull.store.records import Attachment, Session, TurnRecord, to_messages, with_files
from mull.store.sessions import Store

_MOST_RESERVED = 1 << 20  # characters: a longer question waits until the model knows whether it fits


@dataclass(frozen=True, slots=True)
class Query:
    """A question to ask. `replace`: in place of the last turn. `once`: how to think in this turn alone.

    `material`: the number of characters at the text's start that were piped in. `begun`: the beginning of the answer,
    which the model continues. `answer_format`: that of this turn alone; None: that of the preferences.
    """

    text: str
    files: tuple[Attachment, ...] = ()
    replace: bool = False
    once: ReasoningAsk | None = None
    material: int = 0
    begun: Message | None = None
    answer_format: AnswerFormat | None = None

    @property
    def message(self) -> Message:
        """The message to send: the files first."""
        content = with_files(self.text, self.files)
        return Message("user", content, material=len(content) - len(self.text) + self.material)

    @property
    def messages(self) -> list[Message]:
        """The question, and the beginning of its answer."""
        return [self.message] if self.begun is None else [self.message, self.begun]


class Conversation:
    """The state of one chat. `files` are attached to the next question."""

    def __init__(self, store: Store, *, system: str = "", preferences: Preferences | None = None) -> None:
        self.branch = Branch(store, system)
        self.preferences = preferences or Preferences()
        self.files: list[Attachment] = []

    @property
    def path(self) -> Sequence[TurnRecord]:
        """The turns of the current branch, oldest first."""
        return self.branch.path

    @property
    def last(self) -> TurnRecord | None:
        return self.branch.last

    # Asking.

    def query(self, text: str, once: ReasoningAsk | None = None, *, material: int = 0) -> Query:
        """A new question, with the attached files."""
        return Query(text, tuple(self.files), once=once, material=material)

    def again(self, text: str | None = None) -> Query:
        """The last question again, or another text in its place, with its files. Raises UsageError if there is none."""
        last = self.last
        if last is None:
            raise UsageError("empty_conversation", "Nothing has been asked yet.", "Ask something first.")
        return Query(last.question if text is None else text, last.files, replace=True)

    def go_on(self, answer: str | None = None) -> Query:
        """Continue the last answer, or another text in its place. Raises UsageError if there is none.

        It thinks as it was asked to, for its prompt has to be the same. Its own text keeps its format, too. A turn
        without any text is asked again.
        """
        query, last = self.again(), self.last
        if last is None or not (last.answer or last.thinking or answer):
            return query
        tokens = last.tokens if answer is None else ()
        content = last.answer if answer is None else answer
        begun = Message("assistant", content, last.thinking, partial=True, tokens=tokens)
        answer_format = format_before(last.settings) if answer is None else None
        return dataclasses.replace(
            query, begun=begun, once=asked_before(last.settings), answer_format=answer_format
        )

    def catch_up(self, query: Query) -> bool:
        """Take over what another process has added to the session; whether there was anything.

        Raises UsageError (session_changed) if the query would replace the last turn, which is another one now.
        """
        if self.branch.reserved_base(query.text) is not None:
            return False
        self.branch.discard()  # another question was reserved
        changed = self.branch.catch_up()
        if changed and query.replace:
            raise changed_elsewhere()
        return changed

    def reserve(self, query: Query, backend: ChatBackend) -> None:
        """Store the question while the model still loads; `ask` continues, `discard` removes it. Raises UsageError."""
        if query.begun is not None:  # the turn that it replaces stays the last one until there is more of it
            return
        if backend.ready or not self.branch.store.saved or len(query.message.content) > _MOST_RESERVED:
            return
        self.catch_up(query)
        self.branch.reserve(query.text, self._base(query), backend.name, query.files)

    def discard(self) -> None:
        """Remove a reserved question that was not asked."""
        self.branch.discard()

    def ask(self, query: Query, backend: ChatBackend, control: TurnControl) -> Generator[Event, None, None]:
        """Ask and store. Raises what the backend raises; the question is stored even then."""
        self.catch_up(query)
        base = self._base(query)
        settings = self._settings(backend, query)
        check_supported(backend, settings)
        messages = self._messages(base, query)
        yield from self._said_of(query, backend)
        _reject_oversized(messages, backend)  # before it is stored: it may be a hundred megabytes
        settings = with_seed(settings, backend)
        continues = query.begun is not None and query.replace
        ran = what_ran(self.branch, base, backend, query.material, query.begun, continues=continues)
        self.branch.begin(query.text, base, backend.name, settings, query.files, ran)
        self.branch.set_reference(backend.reference)  # which an endpoint's default model has only now
        self.files = []
        events = noticed(backend.stream(messages, settings, control), backend, control)
        yield from record(
            events if query.begun is None else _continued(events),
            model=backend.name,
            asked=settings.reasoning.asked,
            partial=self.branch.partial,
            finish=self.branch.finish,
            begun=query.begun,
        )

    def new(self) -> None:
        """Start a new conversation; the system prompt and the preferences stay."""
        self.branch.clear()
        self.files = []

    def open(self, session: Session) -> None:
        """Resume a session of the store. Raises StoreError."""
        self.branch.open(session)
        self.files = []

    # The context.

    @property
    def left_out(self) -> Sequence[TurnRecord]:
        """The turns of this branch that are no longer sent to the model, or only in the summary."""
        return self.path[: self.branch.first(self.path)]

    def context_usage(self, backend: ChatBackend, query: Query | None = None) -> ContextUsage:
        """How full the context is now, or would be with a question."""
        return self._usage(backend, self._messages(self._base(query), query), self._settings(backend, query))

    def can_drop(self, query: Query) -> bool:
        """Whether turns remain that could be left out."""
        base = self._base(query)
        return len(base) > self.branch.first(base)

    def drop(self, backend: ChatBackend, query: Query) -> Sequence[TurnRecord]:
        """Leave out the oldest turns until this question fits; returns the turns left out.

        Raises ContextOverflow when the question alone is too long.
        """
        base, settings = self._base(query), self._settings(backend, query)
        first = self.branch.first(base)

        def fits(count: int) -> bool:
            return not self._usage(backend, self._messages(base, query, first + count), settings).full

        count = context_budget.first_that_fits(len(base) - first, fits)
        if count is None:  # all of them, if the question alone fits: that leaves few tokens for the answer
            alone = self._usage(backend, self._messages(base, query, len(base)), settings)
            if alone.limit is not None and alone.used >= alone.limit:
                raise alone.overflow(_overflow_hint(backend))
            count = len(base) - first
        self.branch.leave_out(base, first + count, self.branch.summary)
        return base[first : first + count]

    def summarize(self, backend: ChatBackend, control: TurnControl) -> Iterator[Event]:
        """Replace all but the newest turns by a summary that the model writes. Raises UsageError without turns.

        Yields the events of the turn that writes it; an incomplete summary replaces nothing.
        """
        first = self.branch.first(self.path)
        settings = dataclasses.replace(
            self.preferences.turn_settings(backend.sampling_advice, ReasoningAsk(on=False)), stop=()
        )
        if not self.path[first:]:
            raise UsageError(
                "empty_conversation", "There is nothing to summarize.", "/new starts a new conversation."
            )

        share = context_budget.newest_share(backend.context_tokens or 0)

        def newest_fit(count: int) -> bool:
            newest = to_messages(self.path[first + count :])
            return not newest or self._count(backend, newest, settings) <= share

        newest_from = context_budget.first_that_fits(len(self.path) - first, newest_fit) or 0
        last = first + max(newest_from, 1)
        request = self._summary_request(backend, settings, self.path[first:last])
        settings = dataclasses.replace(settings, max_tokens=self._usage(backend, request, settings).reserve)
        for event in backend.stream(request, settings, control):
            if isinstance(event, Done) and event.answer.strip() and event.finish in {"stop", "length"}:
                self.branch.leave_out(self.path, last, event.answer.strip())
            yield event

    def context_parts(self, backend: ChatBackend) -> list[tuple[str, int]]:
        """What fills the context, in the prompt's order: names and tokens."""
        settings = self.preferences.turn_settings(backend.sampling_advice)
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
                total = self._count(backend, known, settings)
            sizes.append((name, total - before))
            before = total
        return sizes

    # Inside.

    def _settings(self, backend: ChatBackend, query: Query | None) -> TurnSettings:
        """The settings of a question's turn; with None, of one without a question."""
        settings = self.preferences.turn_settings(
            backend.sampling_advice, None if query is None else query.once
        )
        if query is None:
            return settings
        answer_format = query.answer_format or settings.answer_format
        return dataclasses.replace(
            settings, continue_answer=query.begun is not None, answer_format=answer_format
        )

    def _said_of(self, query: Query, backend: ChatBackend) -> Iterator[Event]:
        """A notice where another model began the answer."""
        last = self.last
        if query.begun is not None and query.replace and last is not None and last.model != backend.name:
            text = f"The answer was begun by {last.model}; {backend.name} continues it."
            yield Notice("another_model", text)

    def _base(self, query: Query | None) -> Sequence[TurnRecord]:
        if query is not None and (reserved := self.branch.reserved_base(query.text)) is not None:
            return reserved
        return self.path[:-1] if query is not None and query.replace else self.path

    def _messages(
        self, path: Sequence[TurnRecord], query: Query | None = None, first: int | None = None
    ) -> list[Message]:
        """The messages to send: system prompt, summary, the turns from index `first` on, the question."""
        first = self.branch.first(path) if first is None else first
        messages = [Message("system", self.branch.system)] if self.branch.system else []
        messages += context_budget.summary_messages(self.branch.summary if first else "")
        messages += to_messages(path[first:])
        return messages if query is None else [*messages, *query.messages]

    def _usage(
        self, backend: ChatBackend, messages: Sequence[Message], settings: TurnSettings | None = None
    ) -> ContextUsage:
        settings = settings or self.preferences.turn_settings(backend.sampling_advice)
        count = backend.count_tokens(messages, settings) if messages else TokenCount(0)
        return ContextUsage(count.value, backend.context_tokens, count.exact)

    def _count(self, backend: ChatBackend, messages: Sequence[Message], settings: TurnSettings) -> int:
        return backend.count_tokens(messages, settings).value if messages else 0

    def _summary_request(
        self, backend: ChatBackend, settings: TurnSettings, old: Sequence[TurnRecord]
    ) -> list[Message]:
        """A request to summarize as many of these turns as fit the context together with it."""

        def fits(skipped: int) -> bool:
            request = context_budget.summary_request(old[skipped:], self.branch.summary)
            return not self._usage(backend, request, settings).full

        skipped = context_budget.first_that_fits(len(old), fits) or 0
        return context_budget.summary_request(old[skipped:], self.branch.summary)


def _continued(events: Iterator[Event]) -> Iterator[Event]:
    """The events, with a notice where the model has added nothing to the answer."""
    for event in events:
        if (
            isinstance(event, Done)
            and event.finish == "stop"
            and not (event.usage.thinking + event.usage.answer)
        ):
            yield Notice("nothing_added", "The answer was complete: the model added nothing.")
        yield event


def _reject_oversized(messages: Sequence[Message], backend: ChatBackend) -> None:
    """Raises ContextOverflow for messages that are too long whatever the tokenizer does."""
    least, context_tokens = least_tokens(messages), backend.context_tokens
    if context_tokens is not None and least > context_tokens:
        raise ContextOverflow(least, context_tokens, _overflow_hint(backend), at_least=True)


def _overflow_hint(backend: ChatBackend) -> str:
    return RAISE_CTX if backend.capabilities.context_size else ""

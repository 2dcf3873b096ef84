"""The current branch of a conversation, and its copy in a store: every change is stored before it is used.

In: the start, the partial text and the end of each turn. Out: `path`, the turns from the first to the last. If the
store fails (no permission, a full disk), the branch continues in memory, with one notice; if another process has
removed the session, it is inserted again. What another process adds to the session becomes part of the branch.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from mull.conversation.preferences import plain_settings
from mull.dataclass import dataclass
from mull.errors import MullError, UsageError
from mull.events import Done
from mull.settings import TurnSettings
from mull.store.records import Attachment, Session, TurnRecord
from mull.store.schema import StoreError
from mull.store.sessions import Store, open_store

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Reserved:
    """A question that is stored and not asked yet, and the turns before it."""

    turn: TurnRecord
    base: tuple[TurnRecord, ...]


class Branch:
    """The turns of a conversation, oldest first, with the session they belong to (None before the first turn).

    `behind`: the id of the last turn that is left out of the context, with all before it; `summary` is sent in their
    place. `reference`: what -m takes to get the session's model again.
    """

    def __init__(self, store: Store, system: str = "") -> None:
        self.store = store
        self.system = system
        self.session: Session | None = None
        self.path: list[TurnRecord] = []
        self.behind: int | None = None
        self.summary = ""
        self.reference = ""
        self.notices: list[str] = [store.notice] if store.notice else []
        self._reserved: _Reserved | None = None

    @property
    def last(self) -> TurnRecord | None:
        return self.path[-1] if self.path else None

    def first(self, path: Sequence[TurnRecord]) -> int:
        """The index of the first turn in `path` that is sent to the model."""
        return next((i + 1 for i, turn in enumerate(path) if turn.id == self.behind), 0)

    # Whole conversations.

    def clear(self) -> None:
        """Start an empty branch, without a session yet."""
        self.session, self.path, self._reserved = None, [], None
        self.behind, self.summary = None, ""

    def open(self, session: Session) -> None:
        """Switch to the current branch of this session. Raises StoreError."""
        self.path = self.store.branch(session.id)
        self.session, self.system = session, session.system
        self.behind, self.summary = session.state.get("behind"), session.state.get("summary", "")
        self.reference = session.state.get("model", "")

    def join(self, name: str) -> None:
        """Open the session of exactly this name, or start it. Of several processes that do so, one starts it."""
        try:
            session = self.store.named(name, system=self.system, state=self._state())
        except StoreError as error:
            self._go_unsaved(error)
            session = self.store.named(name, system=self.system, state=self._state())
        self.open(session)

    def catch_up(self) -> bool:
        """Take over the session's current branch if another process has added turns to it; whether it has."""
        if self.session is None or not self.store.saved:
            return False
        try:
            session = self.store.session(self.session.id)
            if session.leaf is None or session.leaf in {turn.id for turn in self.path}:
                return False
            self.path = self.store.branch(session.id)
        except MullError:  # the next change deals with it
            return False
        self.session = session
        self.behind, self.summary = session.state.get("behind"), session.state.get("summary", "")
        return True

    def move_to(self, store: Store) -> None:
        """Copy the whole session, other branches included, into another store, and use that one. Raises StoreError."""
        session = self._ensure_session()
        self._adopt(store, self.store.session(session.id), self.store.turns(session.id))

    def rename(self, name: str) -> None:
        """Name the session. Raises UsageError if the name is taken."""
        self._ensure_session()
        self._store_change(lambda store, session: store.rename(session, name))

    def set_system(self, text: str) -> None:
        """Replace the system prompt."""
        self.system = text
        if self.session is not None:
            self._store_change(lambda store, session: store.update(session, system=text))

    def set_reference(self, reference: str) -> None:
        """Store which model answers from now on."""
        if reference != self.reference:
            self.reference = reference
            if self.session is not None:
                self._store_change(lambda store, session: store.update(session, state={"model": reference}))

    def leave_out(self, path: Sequence[TurnRecord], count: int, summary: str) -> None:
        """Leave the first `count` turns of `path` out of the context; this summary is sent in their place."""
        if count:
            self.behind, self.summary = path[count - 1].id, summary
            left_out = {"behind": self.behind, "summary": summary}
            if self.session is not None:
                self._store_change(lambda store, session: store.update(session, state=left_out))

    def close(self) -> None:
        """Remove the session if it has no turns, and close its store."""
        with suppress(MullError):
            if self._reserved is not None:
                self.store.interrupt(self._reserved.turn.id)
            elif self.session is not None and not self.session.turns:
                self.store.remove(self.session.id, if_empty=True)
        self.store.close()

    # Turns.

    def reserve(
        self, question: str, base: Sequence[TurnRecord], model: str, files: Sequence[Attachment] = ()
    ) -> None:
        """Store a question whose model is still loading, so that a killed process does not lose it.

        `begin` with the same question continues this turn; `discard` removes it.
        """
        turn = self._store_change(self._insertion(question, len(base), frozenset(), model, {}, files))
        parent = base[-1].id if base else None
        if turn.parent != parent:  # another process has added turns since `base` was read
            base = self.store.branch(turn.session, turn.parent)
        self._reserved = _Reserved(turn, tuple(base))

    def reserved_base(self, question: str) -> Sequence[TurnRecord] | None:
        """The turns before the question that was reserved; None for another question."""
        reserved = self._reserved
        if reserved is None or reserved.turn.question != question:
            return None
        if any(turn.finish is None for turn in reserved.base):  # it may have ended meanwhile
            with suppress(StoreError):
                base = self.store.branch(reserved.turn.session, reserved.turn.parent)
                self._reserved = reserved = _Reserved(reserved.turn, tuple(base))
        return reserved.base

    def discard(self) -> None:
        """Remove a reserved question that was not asked."""
        reserved, self._reserved = self._reserved, None
        if reserved is not None:
            with suppress(MullError):
                self.store.take_back(reserved.turn.id)
                self.session = self.store.session(reserved.turn.session)

    def begin(
        self,
        question: str,
        base: Sequence[TurnRecord],
        model: str,
        settings: TurnSettings,
        files: Sequence[Attachment] = (),
        ran: Mapping[str, Any] | None = None,
    ) -> None:
        """Add a turn after those of `base`; it is stored before the model sees it."""
        plain = plain_settings(settings)
        known = frozenset(turn.id for turn in self.path)
        self.path = list(base)
        if self._continue_reserved(question, model, plain, ran or {}):
            return
        insert = self._insertion(question, len(self.path), known, model, plain, files, ran)
        turn = self._store_change(insert)  # which may replace `self.path`
        if turn.parent != (self.path[-1].id if self.path else None):
            self.path = self.store.branch(turn.session, turn.parent)
        self.path.append(turn)

    def _continue_reserved(
        self, question: str, model: str, settings: dict[str, Any], ran: Mapping[str, Any]
    ) -> bool:
        reserved = self._reserved
        if reserved is None or reserved.turn.question != question:
            return False
        number, before = reserved.turn.id, self.store
        resumed = self._store_change(
            lambda store, _: store is before and store.resume_turn(number, model, settings, ran)
        )
        self._reserved = None
        if resumed:
            self.path.append(dataclasses.replace(reserved.turn, model=model, settings=settings, ran=ran))
        return resumed

    def _insertion(
        self,
        question: str,
        length: int,
        known: frozenset[int],
        model: str,
        settings: dict[str, Any],
        files: Sequence[Attachment],
        ran: Mapping[str, Any] | None = None,
    ) -> Callable[[Store, str], TurnRecord]:
        """The operation that inserts a turn after the first `length`, or after what another process has added.

        `known`: the turns that this process has seen.
        """
        self._ensure_session(model)

        def insert(store: Store, session: str) -> TurnRecord:
            path = self.path[:length]  # with other ids, if the session was moved into another store
            number = store.begin_turn(
                session,
                question,
                parent=path[-1].id if path else None,
                known={*known, *(turn.id for turn in self.path)},
                model=model,
                settings=settings,
                files=files,
                ran=ran,
            )
            return store.turn(number)

        return insert

    def partial(self, answer: str, thinking: str) -> None:
        """Store the last turn's partial answer. Called from another thread, so it never changes the branch."""
        with suppress(StoreError):  # the end of the turn fails too, and reports it
            self.store.partial(self.path[-1].id, answer, thinking)

    def finish(self, done: Done) -> None:
        """Store the end of the last turn."""
        self.path[-1] = dataclasses.replace(
            self.path[-1],
            answer=done.answer,
            thinking=done.thinking,
            finish=done.finish,
            limit=done.limit,
            model=done.model,
            reasoning=done.reasoning,
            usage=done.usage,
            timing=done.timing,
            ended=time.time(),
            tokens=done.tokens,
        )
        if not self._store_change(lambda store, _: store.finish(self.path[-1].id, done)):
            self._restore()

    def undo(self) -> TurnRecord:
        """Take the last turn back; the store retains it as a branch. Raises UsageError without a turn."""
        if not self.path:
            raise UsageError("empty_conversation", "Nothing has been said yet.", "Ask something first.")
        if self.catch_up():
            raise changed_elsewhere()
        gone = self.path[-1]

        def change(store: Store, session: str) -> None:
            store.move(session, self.path[-2].id if len(self.path) > 1 else None)

        self._store_change(change)
        self.path.pop()
        return gone

    # Inside.

    def _store_change(self, operation: Callable[[Store, str], T]) -> T:
        """Run the operation on the store; if that fails, on a store in memory from now on."""
        session = self._ensure_session()
        try:
            result = operation(self.store, session.id)
        except StoreError as error:
            self._go_unsaved(error)
            result = operation(self.store, self._ensure_session().id)
        except MullError as error:
            if error.code != "unknown_session":
                raise
            self._restore()
            result = operation(self.store, self._ensure_session().id)
        with suppress(MullError):  # removed just now: the next change deals with it
            self.session = self.store.session(self._ensure_session().id)
        return result

    def _restore(self) -> None:
        """Insert the session again, after another process has removed it."""
        session = self._ensure_session()
        self._reserved = None
        if self.path:
            self._adopt(self.store, session, self.path)
        elif session.name:
            self.session = self.store.named(session.name, system=self.system, state=self._state())
        else:
            self.session = None

    def _state(self) -> dict[str, Any]:
        return {"behind": self.behind, "summary": self.summary, "model": self.reference}

    def _ensure_session(self, model: str = "") -> Session:
        if self.session is None:
            try:
                self.session = self.store.start(model=model, system=self.system, state=self._state())
            except StoreError as error:
                self._go_unsaved(error)
                self.session = self.store.start(model=model, system=self.system, state=self._state())
        return self.session

    def _go_unsaved(self, error: StoreError) -> None:
        if not self.store.saved:
            raise error
        self.notices.append(f"{error.message} The chat continues unsaved.")
        memory = open_store(None)
        if self.session is None:
            self.store = memory
        else:
            self._adopt(memory, self.session, self.path)

    def _adopt(self, store: Store, session: Session, turns: Sequence[TurnRecord]) -> None:
        """Insert the session into a store, under new ids, and use that store."""
        self._reserved = None
        first = self.first(self.path)
        leaf = self.path[-1].id if self.path else None
        copy = store.insert(dataclasses.replace(session, leaf=leaf), turns)
        self.store, self.session, self.path = store, copy, store.branch(copy.id)
        self.behind = self.path[first - 1].id if first else None
        store.update(copy.id, state=self._state())


def changed_elsewhere() -> UsageError:
    """The error for taking back or replacing a last turn that is no longer the last one."""
    return UsageError(
        "session_changed",
        "Another mull has added turns to this session; the last turn is another one now.",
        "Those turns are part of the conversation now; the same command acts on the last of them.",
    )

"""The current branch of a conversation, and its copy in a store: every change is stored before it is used.

In: the start, the partial text and the end of each turn. Out: `path`, the turns from the first to the last. If the
store fails (no permission, a full disk), the branch continues in memory, with one notice; if another process has
removed the session, it is inserted again.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from mull.errors import UsageError
from mull.events import Done
from mull.settings import TurnSettings
from mull.store.records import Attachment, Session, TurnRecord
from mull.store.schema import StoreError
from mull.store.sessions import Store, open_store

T = TypeVar("T")


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

    @property
    def last(self) -> TurnRecord | None:
        return self.path[-1] if self.path else None

    def first(self, path: Sequence[TurnRecord]) -> int:
        """The index of the first turn in `path` that is sent to the model."""
        return next((i + 1 for i, turn in enumerate(path) if turn.id == self.behind), 0)

    # Whole conversations.

    def clear(self) -> None:
        """Start an empty branch, without a session yet."""
        self.session, self.path = None, []
        self.behind, self.summary = None, ""

    def open(self, session: Session) -> None:
        """Switch to the current branch of this session. Raises StoreError."""
        self.path = self.store.branch(session.id)
        self.session, self.system = session, session.system
        self.behind, self.summary = session.state.get("behind"), session.state.get("summary", "")
        self.reference = session.state.get("model", "")

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
                self._store_change(self._store_state)

    def leave_out(self, path: Sequence[TurnRecord], count: int, summary: str) -> None:
        """Leave the first `count` turns of `path` out of the context; this summary is sent in their place."""
        if count:
            self.behind, self.summary = path[count - 1].id, summary
            if self.session is not None:
                self._store_change(self._store_state)

    def close(self) -> None:
        """Remove the session if it has no turns, and close its store."""
        if self.session is not None and not self.session.turns:
            with suppress(StoreError, UsageError):
                self.store.remove(self.session.id)
        self.store.close()

    # Turns.

    def begin(
        self,
        question: str,
        base: Sequence[TurnRecord],
        model: str,
        settings: TurnSettings,
        files: Sequence[Attachment] = (),
    ) -> None:
        """Add a turn after those of `base`; it is stored before the model sees it."""
        self.path = list(base)
        self._ensure_session(model)
        plain = _plain(settings)

        def change(store: Store, session: str) -> TurnRecord:
            parent = self.path[-1].id if self.path else None
            number = store.begin_turn(
                session, question, parent=parent, model=model, settings=plain, files=files
            )
            return TurnRecord(
                number,
                session,
                parent,
                question,
                model=model,
                settings=plain,
                files=tuple(files),
                started=time.time(),
            )

        turn = self._store_change(change)  # which may replace `self.path`
        self.path.append(turn)

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
        )
        self._store_change(lambda store, _: store.finish(self.path[-1].id, done))

    def undo(self) -> TurnRecord:
        """Take the last turn back; the store retains it as a branch. Raises UsageError without a turn."""
        if not self.path:
            raise UsageError("empty_conversation", "Nothing has been said yet.", "Ask something first.")
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
        except UsageError as error:
            if error.code != "unknown_session":
                raise
            self._adopt(
                self.store, session, self.path
            )  # another process has removed it; this chat still has it
            result = operation(self.store, self._ensure_session().id)
        self.session = self.store.session(self._ensure_session().id)
        return result

    def _store_state(self, store: Store, session: str) -> None:
        store.update(session, state=self._state())

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
        first = self.first(self.path)
        leaf = self.path[-1].id if self.path else None
        copy = store.insert(dataclasses.replace(session, leaf=leaf), turns)
        self.store, self.session, self.path = store, copy, store.branch(copy.id)
        self.behind = self.path[first - 1].id if first else None
        self._store_state(store, copy.id)


def _plain(settings: TurnSettings) -> dict[str, Any]:
    """The settings as JSON values, without unset ones."""
    values = dataclasses.asdict(settings.sampling) | {
        "reason": settings.reasoning.asked,
        "think_budget": settings.reasoning.budget,
        "max_tokens": settings.max_tokens,
        "stop": list(settings.stop) or None,
    }
    return {name: value for name, value in values.items() if value is not None}

"""The conversation that a command begins or goes on with, and the model that answers in it: shared by ask and chat.

In: flags and config. Out: a `Setup` on an open store. A session goes on with its own model if that is still here,
unless -m says otherwise. Where the disk refuses, the conversation lives in memory and a sentence says so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from mull.backends.base import ChatBackend
from mull.backends.open import open_backend
from mull.commands._options import TurnFlags
from mull.commands._run_config import RunConfig, merge
from mull.config import Config
from mull.conversation.conversation import Conversation
from mull.conversation.preferences import Preferences
from mull.errors import MullError, UsageError
from mull.fs.size import size_text
from mull.models.resolve import NotInstalled
from mull.settings import Sampling, over
from mull.store.records import Session
from mull.store.schema import StoreError
from mull.store.sessions import Store, default_path, open_store
from mull.terminal.console.streams import Streams

T = TypeVar("T")
Begun = tuple[RunConfig, ChatBackend]


@dataclasses.dataclass(frozen=True, slots=True)
class Setup:
    """A conversation and its model, not loaded yet. `notices` are sentences for the user."""

    plan: RunConfig
    conversation: Conversation
    backend: ChatBackend
    notices: tuple[str, ...] = ()


def is_private(flags: TurnFlags, settings: Config) -> bool:
    """Is nothing to be kept on disk?"""
    return flags.no_save or not settings["save"]


def open_sessions(*, private: bool) -> tuple[Store, str]:
    """The sessions on disk, or in memory when that was asked for or the disk refuses; the sentence for the latter."""
    if private:
        return open_store(None), ""
    try:
        return open_store(default_path()), ""
    except StoreError as error:
        return open_store(None), f"{error.message} This conversation is not saved."


def offering(
    get: Callable[[], T], streams: Streams, lent: Callable[[], AbstractContextManager[None]] = nullcontext
) -> T:
    """What `get` gives. A model that is not installed is offered for download where somebody can answer, only there.

    `lent` gives the terminal its own mode, for the question and the download.
    """
    try:
        return get()
    except NotInstalled as missing:
        with lent():
            size = f" ({size_text(missing.bytes)})" if missing.bytes else ""
            asked = f"{missing.message} Download it{size}?"
            if not (streams.stdin_tty and streams.stderr_tty) or not streams.confirm(asked):
                raise
            from mull.commands._download import fetch

            fetch(missing.pull, streams)
        return get()


def set_up(flags: TurnFlags, settings: Config, store: Store, begun: Begun | None = None) -> Setup:
    """`begun`: a model that loads already, and by what plan, where no session was named.

    Raises UsageError for a session that cannot be told or is not there, and what `merge` raises.
    """
    resumed = _resumed(store, flags)
    plan, problem = (begun[0], "") if begun is not None else _plan(flags, settings, resumed)
    conversation = Conversation(
        store, system=plan.system or "", preferences=_preferences(plan, flags, settings)
    )
    if resumed is not None:
        conversation.open(resumed)
        if flags.system is not None:
            conversation.branch.set_system(flags.system)
    elif flags.session:
        conversation.branch.rename(flags.session)
    backend = (
        begun[1]
        if begun is not None
        else open_backend(plan.resolved, plan.engine, prompt_cache=plan.prompt_cache)
    )
    conversation.branch.set_reference(backend.reference)
    return Setup(plan, conversation, backend, (problem,) if problem else ())


def _resumed(store: Store, flags: TurnFlags) -> Session | None:
    """The session to go on with. Raises UsageError where a name could be several, or there is none to go on with."""
    if flags.session:
        try:
            return store.find(flags.session)
        except UsageError as error:
            if error.code == "unknown_session":
                return None  # a new one, of that name
            raise
    if flags.resume:
        last = store.last()
        if last is None:
            raise UsageError(
                "unknown_session", "There is no conversation to go on with.", "Begin one: mull chat"
            )
        return last
    return None


def _plan(flags: TurnFlags, settings: Config, resumed: Session | None) -> tuple[RunConfig, str]:
    """What was asked for, and a sentence when the session's own model is gone and another goes on."""
    reference = (resumed.state.get("model") or resumed.model) if resumed is not None else ""
    if reference and flags.model is None:
        try:
            return merge(dataclasses.replace(flags, model=reference), settings), ""
        except MullError as error:
            plan = merge(flags, settings)
            return plan, f"{error.message} {plan.resolved.name} goes on instead."
    return merge(flags, settings), ""


def _preferences(plan: RunConfig, flags: TurnFlags, settings: Config) -> Preferences:
    return Preferences(
        reasoning=plan.turn.reasoning,
        sampling=over(flags.layer(Sampling), settings.sampling()),
        max_tokens=plan.turn.max_tokens,
        stop=plan.turn.stop,
        thinking=plan.thinking,
        markdown=plan.markdown,
        context_full=settings["context_full"],
    )

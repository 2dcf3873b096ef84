"""The conversation that a command starts or resumes, and the backend that answers in it: shared by ask and chat.

In: the run's configuration. Out: a `Setup` on an open store. A resumed session uses its own model if that is still
here, unless -m names another. If the disk refuses, the conversation lives in memory and a notice says so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from mull.backends.base import ChatBackend
from mull.commands._model_choice import ModelChoice
from mull.commands._run_config import RunConfig, SessionChoice
from mull.conversation.conversation import Conversation
from mull.dataclass import dataclass
from mull.errors import MullError
from mull.fs import ownership
from mull.fs.size import size_text
from mull.models.hub.environment import offline
from mull.models.resolved import NotInstalled, Resolved
from mull.settings import DEFAULT_SAMPLING, over, without_effect
from mull.store.records import Session
from mull.store.schema import StoreError
from mull.store.sessions import Store, default_path, open_store
from mull.terminal.console.streams import Streams

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Setup:
    """A conversation and its backend, not loaded yet. `run`: with what the config says of this model alone.

    `notices` are sentences for the user.
    """

    resolved: Resolved
    conversation: Conversation
    backend: ChatBackend
    run: RunConfig
    notices: tuple[str, ...] = ()


def open_sessions(*, private: bool, resumes: bool = False) -> tuple[Store, str]:
    """The session store on disk, or one in memory if private or if the disk refuses; then also a notice.

    `resumes`: an earlier conversation was asked for. Raises StoreError then, rather than answer without it.
    """
    if private:
        return open_store(None), ""
    try:
        return open_store(default_path()), ""
    except StoreError as error:
        if resumes:
            raise
        return open_store(None), f"{error.message} This conversation is not saved."


def offering(
    get: Callable[[], T], streams: Streams, lent: Callable[[], AbstractContextManager[None]] = nullcontext
) -> T:
    """The result of `get`. If a model is not installed, offers its download where a user can answer, then tries again.
    Offline, nothing is offered: the error names the variable.

    `lent` restores the terminal's own mode for the question and the download.
    """
    try:
        return get()
    except NotInstalled as missing:
        with lent():
            size = f" ({size_text(missing.bytes)})" if missing.bytes else ""
            asked = f"{missing.message} Download it{size}?"
            answers = streams.stdin_tty and streams.stderr_tty and not offline()
            if not answers or not streams.confirm(asked):
                raise
            from mull.commands._download import fetch

            fetch(missing.pull, streams)
        return get()


def set_up(run: RunConfig, store: Store, started: tuple[Resolved, ChatBackend] | None = None) -> Setup:
    """Start or resume the conversation. `started`: the model, if no session was named and it is loading already.

    Raises UsageError for an ambiguous or unknown session, and what resolving a model raises.
    """
    session = _resumed(store, run.session)
    problem = ""
    if started is None:
        resolved, problem = _model(run, session)
        started = resolved, run.open_backend(resolved)
    resolved, backend = started
    run = run.for_model(resolved)
    conversation = Conversation(store, system=run.system or "", preferences=run.preferences)
    if session is not None:
        conversation.open(session)
        if run.session.system is not None:
            conversation.branch.set_system(run.session.system)
    else:
        if run.session.name:
            conversation.branch.join(run.session.name)
        conversation.branch.set_reference(backend.reference)  # of a resumed one when something is asked
    notices = (problem, *run.notices, *idle_samplers(run, backend))
    return Setup(resolved, conversation, backend, run, tuple(filter(None, notices)))


def idle_samplers(run: RunConfig, backend: ChatBackend) -> tuple[str, ...]:
    """A sentence on samplers' parameters that were set while their sampler is off; none without such parameters."""
    own = run.preferences.sampling
    idle = without_effect(own, over(over(own, backend.sampling_advice(None)), DEFAULT_SAMPLING))
    return (idle,) if idle else ()


def _resumed(store: Store, choice: SessionChoice) -> Session | None:
    """The session to resume. Raises UsageError for an ambiguous name, or when there is none to resume."""
    if choice.name:
        try:
            return store.find(choice.name)
        except MullError as error:
            if error.code == "unknown_session":
                return None  # a new one, of that name
            raise
    if choice.resume:
        last = store.last()
        if last is None and store.notice:
            raise MullError(
                "store_damaged", store.notice, "There is no conversation to continue in the new one."
            )
        if last is None:
            raise MullError(
                "unknown_session", "There is no conversation to continue.", "Start one: mull chat"
            )
        return last
    return None


def _as_chosen(resolved: Resolved, choice: ModelChoice) -> Resolved:
    """The session's model. Unless it is configured, pebble counts as chosen by default, as in the first turn."""
    if resolved.source == "builtin" and not (choice.environment or choice.configured):
        return dataclasses.replace(resolved, chosen_by="builtin")
    return resolved


def _model(run: RunConfig, session: Session | None) -> tuple[Resolved, str]:
    """The model to use, and a notice when another replaces the session's own.

    That is gone, or it is a path that others could have written into the database.
    """
    reference = (session.state.get("model") or session.model) if session is not None else ""
    if reference and run.model.flag is None:
        try:
            own = run.model.resolve(reference)
            if own.source != "file" or (why := ownership.weakness(default_path())) is None:
                return _as_chosen(own, run.model), ""
        except MullError as error:
            why = error.message.rstrip(".")
        else:
            why = f"The session's model is the file {own.path}, and {why}"
        resolved = run.model.resolve()
        return resolved, f"{why}. {resolved.name} is used instead."
    return run.model.resolve(), ""

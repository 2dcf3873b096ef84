"""`mull chat`: an interactive session. Builds what a chat needs from flags, config and the session it goes on with."""

from __future__ import annotations

import dataclasses

import typer

from mull.commands.chatting.model import ChatModel
from mull.commands.chatting.session import Chat
from mull.commands.merge import Plan, merge, read_config
from mull.commands.options import TurnFlags, takes_turn_flags
from mull.config import Config
from mull.conversation.conversation import Conversation
from mull.conversation.wishes import Wishes
from mull.errors import ExitCode, MullError, UsageError
from mull.settings import Sampling, over
from mull.store.records import Session
from mull.store.schema import StoreError
from mull.store.sessions import Store, default_path, open_store
from mull.terminal.held import HeldInput
from mull.terminal.keys import Leave
from mull.terminal.streams import Streams


@takes_turn_flags
def chat(context: typer.Context, *, flags: TurnFlags) -> None:
    """Chat: an interactive session, kept on disk unless --no-save is given."""
    raise typer.Exit(start(flags, context.obj))


def start(flags: TurnFlags, streams: Streams) -> int:
    """Open a chat and stay in it; returns the exit code. Raises MullError when it cannot begin."""
    if not (streams.stdin_tty and streams.stdout_tty):
        raise UsageError(
            "no_terminal", "A chat needs a terminal.", "For pipes and scripts there is mull ask."
        )
    settings = read_config()
    private = flags.no_save or not settings["save"]
    with HeldInput(streams) as held:
        store, problem = _open_store(private=private)
        with store:
            resumed = _resumed(store, flags)
            plan, problem_model = _plan(flags, settings, resumed)
            talk = Conversation(store, system=plan.system or "", wishes=_wishes(plan, flags, settings))
            talk.branch.notices += [note for note in (problem, problem_model) if note]
            if resumed is not None:
                talk.open(resumed)
                if flags.system is not None:
                    talk.branch.set_system(flags.system)
            elif flags.session:
                talk.branch.rename(flags.session)
            model = ChatModel(plan.resolved, plan.engine)
            talk.branch.set_reference(model.reference)
            chat = Chat(talk, model, plan, settings, streams, private=private, flags=flags, held=held)
            try:
                chat.run()
            except Leave:
                return ExitCode.INTERRUPTED
            finally:
                chat.model.close()
    return ExitCode.OK


def _open_store(*, private: bool) -> tuple[Store, str]:
    """The sessions on disk, or in memory when that was asked for or the disk refuses; the sentence for the latter."""
    if private:
        return open_store(None), ""
    try:
        return open_store(default_path()), ""
    except StoreError as error:
        return open_store(None), f"{error.message} This chat is not saved."


def _resumed(store: Store, flags: TurnFlags) -> Session | None:
    """The session to go on with. Raises UsageError where a name could be several, or there is none to go on with."""
    if flags.session:
        try:
            return store.find(flags.session)
        except UsageError as error:
            if error.code == "no_session":
                return None  # a new one, of that name
            raise
    if flags.resume:
        last = store.last()
        if last is None:
            raise UsageError("no_session", "There is no conversation to go on with.", "Begin one: mull chat")
        return last
    return None


def _plan(flags: TurnFlags, settings: Config, resumed: Session | None) -> tuple[Plan, str]:
    """What was asked for; a session goes on with its own model, if that is still there, unless -m says otherwise."""
    reference = (resumed.state.get("model") or resumed.model) if resumed is not None else ""
    if reference and flags.model is None:
        try:
            return merge(dataclasses.replace(flags, model=reference), settings), ""
        except MullError as error:
            plan = merge(flags, settings)
            return plan, f"{error.message} {plan.resolved.name} goes on instead."
    return merge(flags, settings), ""


def _wishes(plan: Plan, flags: TurnFlags, settings: Config) -> Wishes:
    return Wishes(
        reasoning=plan.turn.reasoning,
        sampling=over(flags.layer(Sampling), settings.sampling()),
        max_tokens=plan.turn.max_tokens,
        stop=plan.turn.stop,
        thinking=plan.thinking,
        markdown=plan.markdown,
        context_full=settings["context_full"],
    )

"""`mull ask` and the default command: one question, one answer on stdout, an exit code."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from mull.commands._ask_options import AskFlags
from mull.commands._input import UserInput, read_question
from mull.commands._options import takes_turn_flags
from mull.commands._output import Delivery
from mull.commands._run_config import RunConfig, merge
from mull.config import Config, read_config
from mull.control import TurnControl, stop_on_interrupt
from mull.errors import ExitCode, MullError, UsageError
from mull.events import Done, Event
from mull.settings import AnswerFormat
from mull.terminal.console.streams import Streams, detach
from mull.terminal.views.base import OutputForm, ViewOptions
from mull.terminal.views.open import open_view
from mull.terminal.views.stats import stats_line

if TYPE_CHECKING:
    from mull.backends.base import ChatBackend
    from mull.commands._prompt_template import AppliedTemplate
    from mull.commands._session import Setup

Words = Annotated[
    list[str] | None, typer.Argument(metavar="[PROMPT]...", help="The question; - reads stdin.")
]


@takes_turn_flags
def ask(context: typer.Context, words: Words = None, *, flags: AskFlags) -> None:
    """Ask one question; the answer goes to stdout.

    Piped input comes first, then the prompt: git diff | mull "write a commit message"
    """
    raise typer.Exit(ask_once(words or [], flags, context.obj))


@takes_turn_flags
def ask_or_chat(context: typer.Context, words: Words = None, *, flags: AskFlags) -> None:
    """Ask, when there is a prompt or piped input; otherwise, on a terminal, chat."""
    streams: Streams = context.obj
    if words or flags.one_shot or not (streams.stdin_tty and streams.stdout_tty):
        raise typer.Exit(ask_once(words or [], flags, streams))
    from mull.commands.chat import start

    raise typer.Exit(start(flags, streams))


def _form_of(flags: AskFlags) -> OutputForm:
    if flags.json and flags.jsonl:
        raise UsageError(
            "conflicting_options", "--json and --jsonl contradict each other.", "Give one of them."
        )
    return "json" if flags.json else "jsonl" if flags.jsonl else "text"


def ask_once(words: Sequence[str], flags: AskFlags, streams: Streams) -> int:
    """One question, shown; returns the exit code. Raises MullError before there is anything to show."""
    output, settings = _form_of(flags), read_config()
    form = _form(flags)
    flags = form.flags if form else flags
    talks = output == "text" and not flags.quiet  # there is room for notices on stderr
    answer_format = _answer_format(flags)
    begun = _head_start(flags, settings)
    from mull.commands._session import is_private, offering, open_sessions, set_up

    store, problem = open_sessions(private=is_private(flags, settings))
    with Delivery(flags, streams) as delivery, store:
        setup = offering(lambda: set_up(flags, settings, store, begun), streams)
        setup.conversation.preferences.answer_format = answer_format
        setup.conversation.preferences.logprobs = flags.logprobs
        try:
            setup.backend.start()  # it loads while the input is still being read
            question = (
                form.question(words, streams) if form else read_question(words, streams, flags.files or ())
            )
            if talks:
                _announce(setup, question, problem, streams)
            control = TurnControl()
            done = _answer(setup, question, output, delivery.streams, control, quiet=flags.quiet)
            code = delivery.deliver(done)
        finally:
            setup.conversation.branch.close()
    if output == "text" and done.error is not None:
        streams.error(done.error.message, done.error.hint)
    if talks and (why := _shortfall(done)):
        streams.note(why)
    if output == "text" and flags.stats:
        streams.note(stats_line(done))
    return _keep(setup, 128 + control.signal if control.signal else code, streams)


def _head_start(flags: AskFlags, settings: Config) -> tuple[RunConfig, ChatBackend] | None:
    """The model, loading while the rest of mull is still being imported. None where a session says which one it is,
    and where there is a problem: it will show again where it can be dealt with."""
    if flags.session or flags.resume:
        return None
    from mull.backends.open import open_backend

    try:
        plan = merge(flags, settings)
    except MullError:
        return None
    backend = open_backend(plan.resolved, plan.engine, prompt_cache=plan.prompt_cache)
    backend.head_start()
    return plan, backend


def _shortfall(done: Done) -> str | None:
    """Why there is less of an answer than there could be, and what helps: a word to the exit codes 3 and 4."""
    if done.finish == "thinking":
        return "The model thought and never answered. --think-budget N bounds its thinking, --no-reason does without."
    if done.finish == "length" and done.limit == "context":
        return "The answer was cut: the context is full. --ctx N gives more, where the model can."
    if done.finish == "length" and done.limit == "default":
        return "The answer was cut at the default limit. --max-tokens N sets another."
    return None


def _keep(setup: Setup, code: int, streams: Streams) -> int:
    """Write for other processes what was computed; whoever reads the answer has all of it by now, and its end."""
    if not streams.stdout_tty:
        streams.stdout.flush()
        detach(streams)
    try:
        setup.backend.persist()
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return code


def _form(flags: AskFlags) -> AppliedTemplate | None:
    """The template that was asked for. Raises UsageError."""
    if flags.template is None:
        if flags.params:
            raise UsageError("usage_error", "-p gives a template its values.", "Name the template with -t.")
        return None
    from mull.commands._prompt_template import AppliedTemplate

    return AppliedTemplate(flags)


def _answer_format(flags: AskFlags) -> AnswerFormat | None:
    """What the answer must look like. Raises UsageError for what is malformed, MullError (exit 5) for the rest."""
    if flags.logprobs is not None and not (flags.json or flags.jsonl):
        raise UsageError(
            "usage_error", "--logprobs has no place in plain text.", "Give --json or --jsonl with it."
        )
    if flags.schema is None and flags.grammar is None and flags.format is None:
        return None
    from mull.structured.reading import read_answer_format

    return read_answer_format(schema=flags.schema, grammar=flags.grammar, json_only=flags.format is not None)


def _announce(setup: Setup, question: UserInput, problem: str, streams: Streams) -> None:
    if question.replaced:
        streams.note("Some bytes of the input were no UTF-8; they were replaced.")
    for notice in filter(None, (problem, *setup.notices)):
        streams.note(notice)
    if setup.plan.resolved.chosen_by == "builtin" and streams.stderr_tty:
        streams.note("pebble answers, the small built-in model; mull pull gpt-oss-20b gets a real one.")


def _answer(
    setup: Setup,
    question: UserInput,
    output: OutputForm,
    streams: Streams,
    control: TurnControl,
    *,
    quiet: bool,
) -> Done:
    """Load, ask and show. What was said is kept, also when it was stopped."""
    from mull.conversation.conversation import Query

    conversation, backend = setup.conversation, setup.backend

    def events() -> Generator[Event, None, None]:
        yield from backend.load(control)
        query = Query(question.text, question.files, material=question.material)
        yield from conversation.ask(query, backend, control)

    def session() -> str | None:
        kept = conversation.branch.session
        return kept.id if kept is not None and conversation.branch.store.saved else None

    show = open_view(
        output,
        ViewOptions(
            streams,
            control,
            thinking=setup.plan.thinking,
            # A constrained answer is no Markdown: underscores and stars are its own.
            markdown=setup.plan.markdown and conversation.preferences.answer_format is None,
            quiet=quiet,
            session=session,
        ),
    )
    # Closed here, whatever the view did: a turn that nobody reads any more is kept before its store closes.
    try:
        with stop_on_interrupt(control, terminated=True), closing(events()) as turn:
            return show(turn)
    except MullError as stopped:
        if control.signal and stopped.code == "interrupted":
            stopped.exit_code = 128 + control.signal
        raise

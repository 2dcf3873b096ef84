"""One question, one answer on stdout, an exit code: the work of `mull ask` and of `mull PROMPT`.

In: the words and flags. Out: the exit code, when the answer has been shown and stored. Raises MullError before there is
anything to show. The model begins to load before the modules that only its answer needs are imported.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from typing import TYPE_CHECKING

from mull.commands._ask_options import answer_format_of, constrains
from mull.commands._keep_alive import slow_load_hint
from mull.commands._output import AnswerOutput, Delivery, shortfall
from mull.commands._recommend import BeyondPebble, check_question, offer_download, real_model
from mull.commands._run_config import run_config
from mull.config import read_config
from mull.control import Terminated, TurnControl, stop_on_interrupt
from mull.errors import ExitCode, Interrupted, MullError, UsageError
from mull.events import EMPTY_ANSWER
from mull.fs import trace
from mull.models.builtin import MODEST
from mull.settings import Sampling
from mull.terminal.console.streams import detach
from mull.terminal.views.base import requested_forms
from mull.terminal.views.open import VIEWS, open_view

if TYPE_CHECKING:
    from mull.backends.base import ChatBackend
    from mull.commands._ask_options import AskFlags
    from mull.commands._input import UserInput
    from mull.commands._prompt_template import AppliedTemplate
    from mull.commands._run_config import RunConfig
    from mull.commands._session import Setup
    from mull.conversation.conversation import Query
    from mull.conversation.preferences import Preferences
    from mull.events import Done, Event
    from mull.models.resolved import Resolved
    from mull.terminal.console.streams import Streams
    from mull.terminal.views.base import OutputForm


def ask_once(words: Sequence[str], flags: AskFlags, streams: Streams) -> int:
    """One question, shown; returns the exit code. Raises MullError before there is anything to show."""
    form = _output_form(flags)
    with trace.span("configuration"):
        config = read_config()
    if flags.continue_answer and flags.prefill is not None:
        raise UsageError(
            "conflicting_options", "--continue and --prefill contradict each other.", "Give only one of them."
        )
    template = _template(flags, streams)
    flags = template.flags if template else flags
    with trace.span("configuration"):
        run = run_config(flags, config, logprobs=flags.logprobs, schema_prompt=flags.schema_prompt)
    output = AnswerOutput.of(flags, form)
    _check_logprobs(flags, form)
    started = None
    if constrains(flags):
        started = _head_start(run, constrained=True)
        with trace.span("answer format"):
            run = run.with_answer_format(answer_format_of(flags))  # checked while the model loads
    files = flags.files or ()
    quiet = run.quiet or VIEWS[form].is_json
    needed = not flags.continue_answer
    # stdin can be read once
    read = cache(lambda: _read(words, template, files, streams, quiet=quiet, needed=needed))
    begun = flags.prefill or ""
    try:
        return _ask(read, run, form, output, streams, begun, started)
    except BeyondPebble as refusal:
        if VIEWS[form].is_json or refusal.wanted is None or not (streams.stdin_tty and streams.stderr_tty):
            raise
        streams.error(refusal.message)
        if not offer_download(refusal.wanted, streams):
            streams.note(refusal.hint)
            return ExitCode.FAILURE
    return _ask(read, run, form, output, streams, begun)


def _ask(
    read: Callable[[], UserInput],
    run: RunConfig,
    form: OutputForm,
    output: AnswerOutput,
    streams: Streams,
    begun: str,
    started: tuple[Resolved, ChatBackend] | None = None,
) -> int:
    """`begun`: the text that the answer begins with. An empty question continues the last answer.

    `started`: the model, where it is loading already.
    """
    started = started or _head_start(run)
    from mull.commands._query import check_author, query_of
    from mull.commands._session import offering, open_sessions, set_up

    on_stderr = not VIEWS[form].is_json  # errors, notices and figures
    notices = on_stderr and not run.quiet
    with trace.span("conversation"):
        store, problem = open_sessions(private=not run.saving.sessions, resumes=run.session.resumes)
    with Delivery(output, streams) as delivery, store:
        with trace.span("conversation"):
            setup = offering(lambda: set_up(run, store, started), streams)
        run = setup.run
        with _naming(setup.backend.name), closing(setup.conversation.branch):
            _check_supported(setup.backend, setup.conversation.preferences)
            setup.backend.start()  # it loads while the input is being read
            question = read()
            query = query_of(question, setup.conversation, begun, run.preferences.answer_format)
            if setup.resolved.chosen_by == "builtin":
                check_question(question, setup, streams if notices else None)
            setup.conversation.branch.notices += [problem] if problem else []
            if notices:
                _announce(setup, question, streams)
                _offer_packaged(setup, streams)
            check_author(query, setup.conversation.last, setup.resolved)
            control = TurnControl()
            done = _answer(setup, query, run, form, delivery.streams, control, many=question.many)
            code = delivery.deliver(done)
    if on_stderr:
        for notice in setup.conversation.branch.notices:  # with -q, too: an answer is missing in the history
            streams.note(notice)
    if on_stderr and run.quiet and done.empty:
        streams.note(EMPTY_ANSWER)
    if on_stderr and done.error is not None:
        streams.error(done.error.message, done.error.hint)
    if notices and setup.resolved.chosen_by == "builtin" and done.answer in MODEST:
        streams.note(real_model()[0])
    if notices and (why := shortfall(done, setup.backend)):
        streams.note(why)
    if notices and streams.stderr_tty and (hint := slow_load_hint(done.timing.load, run.keep_alive)):
        streams.note(hint)
    if on_stderr and run.stats:
        from mull.terminal.views.stats import stats_line

        streams.note(stats_line(done))
    return _persist(setup, code, streams)


def _head_start(run: RunConfig, *, constrained: bool = False) -> tuple[Resolved, ChatBackend] | None:
    """The model, loading while the rest of mull is still being imported. `constrained`: the answer has a format.

    None if a session decides which model it is, or if there is a problem: it is raised again where it can be handled.
    """
    if run.session.name or run.session.resume:
        return None
    try:
        with trace.span("model name"):
            resolved = run.model.resolve()
        backend = run.open_backend(resolved)
    except MullError:
        return None
    _check_supported(backend, run.for_model(resolved).preferences)
    if not constrained or backend.capabilities.json_schema:  # else it is refused once the format is known
        backend.head_start(constrained=constrained)
    return resolved, backend


@contextmanager
def _naming(model: str) -> Iterator[None]:
    """Failures and interruptions inside are those of this model, which JSON names."""
    try:
        yield
    except MullError as error:
        error.model = model
        raise
    except (KeyboardInterrupt, Terminated) as stop:
        interrupted = Interrupted()
        interrupted.model = model
        raise interrupted from stop


def _check_supported(backend: ChatBackend, preferences: Preferences) -> None:
    """Refuse what the backend cannot do before it loads. Raises UsageError."""
    from mull.backends.base import check_supported

    # Without the model's own sampling, which may be in the header of its file: the load should not wait for that.
    check_supported(backend, preferences.turn_settings(lambda _: Sampling()))


def _persist(setup: Setup, code: int, streams: Streams) -> int:
    """Write the prompt cache to disk; whoever reads the answer has received it completely by now."""
    if not streams.stdout_tty:
        streams.stdout.flush()
        detach(streams)
    try:
        with trace.span("save"):
            setup.backend.persist()
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return code


# From flags to values.


def _output_form(flags: AskFlags) -> OutputForm:
    forms = requested_forms({f"--{form}" for form in VIEWS if getattr(flags, form, False)})
    if len(forms) > 1:
        raise UsageError(
            "conflicting_options",
            f"--{forms[0]} and --{forms[1]} contradict each other.",
            "Give only one of them.",
        )
    return forms[0]


def _template(flags: AskFlags, streams: Streams) -> AppliedTemplate | None:
    """The prompt template, applied. Raises UsageError, MullError."""
    if flags.template is None:
        if flags.params:
            raise UsageError("usage_error", "-p needs a prompt template.", "Name the template with -t.")
        return None
    from mull.commands._prompt_template import AppliedTemplate

    return AppliedTemplate(flags, streams)


def _check_logprobs(flags: AskFlags, form: OutputForm) -> None:
    """Raises UsageError for --logprobs without JSON."""
    if flags.logprobs is not None and not VIEWS[form].is_json:
        raise UsageError("usage_error", "--logprobs needs JSON output.", "Add --json or --jsonl.")


def _read(
    words: Sequence[str],
    template: AppliedTemplate | None,
    files: Sequence[str],
    streams: Streams,
    *,
    quiet: bool,
    needed: bool,
) -> UserInput:
    if template:
        return template.question(words, streams, quiet=quiet)
    from mull.commands._input import read_question

    return read_question(words, streams, files, quiet=quiet, needed=needed)


# One answer.


def _announce(setup: Setup, question: UserInput, streams: Streams) -> None:
    if question.replaced:
        streams.note("Some bytes of the input were not UTF-8 and were replaced.")
    if question.unread:
        streams.note(f"{question.unread} The question is asked without it.")
    for notice in (*question.notes, *setup.notices):
        streams.note(notice)
    if setup.resolved.chosen_by == "builtin" and streams.stderr_tty:
        streams.note(f"This is pebble, the small built-in demo. {real_model()[0]}")


def _offer_packaged(setup: Setup, streams: Streams) -> None:
    """Name the general model that came with a package, where pebble answers because no model was chosen."""
    if setup.resolved.chosen_by == "builtin" and streams.stderr_tty:
        from mull.models.disk.packaged import offer

        if text := offer("mull -m"):
            streams.note(f"{text} …")


def _answer(
    setup: Setup,
    query: Query,
    run: RunConfig,
    form: OutputForm,
    streams: Streams,
    control: TurnControl,
    *,
    many: bool,
) -> Done:
    """Load, ask and show. The answer is stored, also when it was stopped. `many`: name the size of the files."""
    from mull.commands._files import size_of_files
    from mull.conversation.make_room import ask_with_room
    from mull.events import Done, Notice
    from mull.terminal.views.base import ViewOptions

    conversation, backend = setup.conversation, setup.backend

    def events() -> Generator[Event, None, None]:
        if (
            setup.resolved.address is None
        ):  # a server loads nothing, and its model's name may not be known yet
            conversation.reserve(query, backend)
        try:
            with trace.span("load"):
                yield from backend.load(control)
            conversation.catch_up(query)
            if many:
                yield Notice("attached", size_of_files(conversation, query, backend))
            with closing(_timed(ask_with_room(conversation, query, backend, control))) as turn:
                for event in turn:
                    if isinstance(event, Done) and VIEWS[form].is_json:
                        yield from (Notice("not_saved", text) for text in conversation.branch.notices)
                    yield event
        except MullError as error:
            if error.code != "interrupted":
                conversation.discard()
            raise

    def session() -> str | None:
        branch = conversation.branch
        return branch.session.id if branch.session is not None and branch.store.saved else None

    show = open_view(
        form,
        ViewOptions(
            streams,
            control,
            thinking=run.preferences.thinking,
            # A constrained answer is not Markdown: its underscores and asterisks are literal.
            markdown=run.preferences.markdown and not (query.answer_format or run.preferences.answer_format),
            math=run.preferences.math,
            quiet=run.quiet,
            session=session,
        ),
    )
    # The events are closed here, whatever the view did: an unfinished turn is stored before its store closes.
    with stop_on_interrupt(control), closing(events()) as turn:
        if form == "text" and streams.stdout_live:
            from mull.terminal.input.background import settle_theme

            with trace.span("paint"):
                settle_theme(streams)
        return show(turn)


def _timed(turn: Generator[Event, None, None]) -> Generator[Event, None, None]:
    """The turn's events; while a trace is recorded, with its phases."""
    if not trace.on:
        return turn
    from mull.commands._traced_turn import traced

    return traced(turn)

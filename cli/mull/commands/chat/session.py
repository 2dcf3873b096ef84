"""One interactive session: reads a line, does what it means, shows what comes, until the user leaves.

It joins the conversation, the model that may still be loading, and the terminal. What a slash command does is in
`actions.py`; what is said and kept is the conversation's; what is drawn is the terminal room's.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

from mull.backends.loading import Interrupted
from mull.commands._options import TurnFlags
from mull.commands._session import Setup
from mull.commands.chat import commands_session, commands_show, commands_turn, context_full, slash  # noqa: F401 - they bind the actions
from mull.commands.chat.input import make_prompt
from mull.commands.chat.registry import ACTIONS
from mull.config import Config
from mull.control import TurnControl
from mull.conversation.context_budget import Room
from mull.conversation.conversation import Query
from mull.errors import MullError, UsageError
from mull.events import AnswerDelta, Done, Event, Notice, ReasoningReport
from mull.store.records import TurnRecord, title_of
from mull.store.sessions import Store
from mull.terminal.console.sanitize import one_line
from mull.terminal.console.streams import Streams
from mull.terminal.console.width import wrap
from mull.terminal.input.keys import Leave, Typeahead
from mull.terminal.input.typeahead import HeldInput
from mull.terminal.views.base import ViewOptions
from mull.terminal.views.open import open_view
from mull.terminal.views.stats import stats_line
from mull.terminal.views.thinking_panel import count, duration


class _Full(Exception):
    """There is too little room in the context for a question."""

    def __init__(self, room: Room) -> None:
        super().__init__(room)
        self.room = room


class Chat:
    """The state of a session beside its conversation."""

    def __init__(
        self,
        setup: Setup,
        settings: Config,
        streams: Streams,
        *,
        private: bool,
        flags: TurnFlags,
        held: HeldInput,
    ) -> None:
        self.conversation = setup.conversation
        self.model = setup.model
        self.engine = setup.plan.engine
        self.settings = settings
        self.streams = streams
        self.private = private
        self.flags = flags
        self.held = held
        self.draft = ""  # what the next prompt begins with
        self.replacing = False  # the next question takes the place of the last one
        self.left = False
        self._room: Room | None = None
        self._measured = False
        self._warned = False
        self._below_answer = False  # the last line on the screen is an answer's
        self._begun = False  # the question has reached the conversation
        self._typeahead = Typeahead(lines=held.lines, text=held.text)
        self._prompt = make_prompt(self)

    def run(self) -> None:
        """Until the user leaves. Raises `keys.Leave` for the second Ctrl+C while a turn runs."""
        if self.held.text:
            self.streams.stdout.write("\n")  # the terminal has echoed it already
        self.greet()
        while not self.left:
            self._tell_notices()
            try:
                line = self._read()
                self._take(line)
            except EOFError:
                break
            except Leave:
                raise
            except KeyboardInterrupt:  # outside of a turn: a command was waiting for something
                self._typeahead.interrupted_at = time.monotonic()
                self.note("Stopped. Ctrl+C again leaves.")
            except MullError as error:
                self.streams.error(error.message, error.hint)

    def greet(self) -> None:
        """Two lines at most: what answers, what there is to know first, and where a session stands."""
        note, last = self.note, self.conversation.last
        if self.flags.quiet:
            return
        if last is not None:
            session = self.conversation.branch.session
            title = session.title if session else ""
            count = len(self.conversation.path)
            turns = f"{count:,} turn{'s' if count > 1 else ''}"
            note(f"Going on with “{title}”, {turns}, with {self.model.name}.")
            self.show_turn(last)
        elif self.model.resolved.chosen_by == "builtin":
            note("This is pebble, mull's small built-in model: it reckons, counts and sorts.")
            note("mull models lists real ones for this machine, mull pull gets one. Try /help.")
        else:
            note(f"{self.model.name} · /help shows commands and keys")

    def show_turn(self, turn: TurnRecord) -> None:
        """A turn of the past, as it looked."""
        self._blank_line()
        self.note(f"> {title_of(turn.question)}")
        if turn.thinking and self.conversation.preferences.thinking != "hide":
            mark, dot = ("▸", "·") if self.streams.unicode else (">", "-")
            self.note(
                f"{mark} Thought for {duration(turn.timing.thinking)} {dot} {count(turn.usage.thinking)}"
            )
            self._blank_line()
        if turn.answer:
            self.show(iter([AnswerDelta(turn.answer, turn.usage.answer), _done(turn)]), TurnControl())
        elif turn.partial:
            self.note("(stopped)")

    def keep_on(self, store: Store) -> None:
        """From now on the conversation is kept in this store, what was said before included."""
        self.conversation.branch.move_to(store)
        self.private = False

    # Asking.

    def ask(self, query: Query) -> None:
        """Ask, show and keep. Raises MullError when that failed; a question that was not asked comes back."""
        self._begun = False
        try:
            self._ask(query)
        except MullError as error:
            if not self._begun:
                self.draft, self.replacing = query.text, query.replace
            if not isinstance(error, Interrupted):
                raise
            self.note("Stopped before it was asked: the question is at the prompt again.")

    def _ask(self, query: Query) -> None:
        """A full context is decided about, then the question is asked again with that decision."""
        policy = self.conversation.preferences.context_full
        while not self._begun:
            control = TurnControl()
            try:
                self._after(self.show(self._events(query, control, policy), control))
            except _Full as full:
                policy = context_full.decide(self, full.room, policy)
                if policy == "summarize":
                    context_full.summarize(self, query)
                    policy = "drop"  # in case the summary is not enough

    def _events(self, query: Query, control: TurnControl, policy: str) -> Iterator[Event]:
        yield from self.model.loading(control)
        talk = self.conversation
        room = talk.room(self.model, query)
        if room.full and policy == "stop":
            raise context_full.overflow(room)
        if room.full and talk.can_drop(query) and policy in {"ask", "summarize"}:
            raise _Full(room)
        if room.full and (dropped := talk.drop(self.model, query)):
            yield Notice("dropped", context_full.named(dropped))
        self._begun = True
        yield from talk.ask(query, self.model, control)

    def show(self, events: Iterator[Event], control: TurnControl) -> Done:
        """Draw a turn as it comes. Raises what the turn raises, and `Leave`."""
        preferences = self.conversation.preferences
        view = open_view(
            "text",
            ViewOptions(
                self.streams,
                control,
                thinking=preferences.thinking,
                markdown=preferences.markdown,
                quiet=self.flags.quiet,
                typeahead=self._typeahead,
            ),
        )
        self._below_answer = True
        with self.held.lent():
            return view(events)

    def _after(self, done: Done) -> None:
        """What there is to say once a turn has ended."""
        if done.error is not None:
            self._leave_gap()
            self.streams.error(done.error.message, done.error.hint)
        elif done.finish == "thinking":
            self.note("It thought and never answered. /retry asks again, /nothink asks without thinking.")
        elif done.finish == "stop" and not done.answer.strip():
            self.note("The answer is empty. /retry asks again.")
        elif done.finish == "length" and done.limit == "context":
            self.note("The context is full: the answer was cut. /context shows what fills it.")
        elif done.finish == "length":
            self.note("The answer was cut at the limit of tokens. /set max_tokens changes it.")
        if self.flags.stats:
            self.note(stats_line(done))
        self.measure()

    @property
    def room(self) -> Room | None:
        """How full the context is: looked at once after each change, and not before the model is there."""
        if not self._measured and self.model.ready:
            self._measured = True
            with suppress(MullError):  # a template that wants a question at the end
                self._room = self.conversation.room(self.model)
        return self._room

    def measure(self) -> None:
        """Look again how full the context is; from 80% on the user is told, once."""
        self._room, self._measured = None, False
        room = self.room
        if room is not None and room.tight and not self._warned:
            self.note(
                f"The context is {room.percent}% full ({room.used:,} of {room.limit:,} tokens). "
                "/context shows with what, /new begins afresh."
            )
        self._warned = room is not None and room.tight

    def refresh(self) -> None:
        """Show a changed toolbar, if the prompt stands. From any thread."""
        self._prompt.refresh()

    # One line.

    def _read(self) -> str:
        """The next line: typed ahead, or from the prompt. Raises EOFError when the user leaves."""
        self._below_answer = False
        self.streams.stdout.write("\n")
        if self._typeahead.lines:
            line = self._typeahead.lines.pop(0)
            self._prompt.echo(line)
            return line
        if self.held.ended:
            raise EOFError
        default, self.draft = self.draft or self._typeahead.text, ""
        self._typeahead.text = ""
        return self._prompt.read(default, interrupted_at=self._typeahead.interrupted_at)

    def _take(self, line: str) -> None:
        meant = slash.parse(line)
        replacing, self.replacing = self.replacing, False
        if isinstance(meant, slash.Call):
            if meant.argument and not meant.command.arguments:
                raise UsageError("bad_argument", f"/{meant.command.name} takes nothing after it.")
            ACTIONS[meant.command.name](self, meant.argument)
        elif isinstance(meant, slash.Unknown):
            raise slash.unknown(meant.word)
        elif meant.text:
            talk = self.conversation
            self.ask(talk.again(meant.text) if replacing else talk.query(meant.text))

    def note(self, text: str) -> None:
        """A dim sentence, broken between words."""
        self._leave_gap()
        for line in wrap(one_line(text), self.streams.width - 1):
            self.streams.note(line)

    def _leave_gap(self) -> None:
        """Between an answer and what there is to say about it."""
        if self._below_answer:
            self._blank_line()
        self._below_answer = False

    def _blank_line(self) -> None:
        self.streams.stdout.write("\n")
        self.streams.stdout.flush()

    def _tell_notices(self) -> None:
        notices = self.conversation.branch.notices
        while notices:
            self.note(notices.pop(0))


def _done(turn: TurnRecord) -> Done:
    """The end of a turn of the past."""
    report = turn.reasoning or ReasoningReport("default", "default", "")
    finish = turn.finish or "interrupted"
    return Done(
        turn.model, turn.answer, turn.thinking, report, finish, turn.usage, turn.timing, limit=turn.limit
    )

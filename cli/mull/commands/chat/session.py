"""The state of one interactive session, and how the session shows its notes and turns.

It joins a conversation, a model that may still be loading, and the terminal. `asking.py` asks questions with it, the
slash commands change it, `loop.py` reads the lines; it imports none of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from mull.commands._recommend import real_model
from mull.commands._run_config import RunConfig
from mull.commands._session import Setup
from mull.control import TurnControl
from mull.conversation.context_budget import ContextUsage
from mull.errors import MullError
from mull.events import AnswerDelta, Done, Event, ReasoningReport
from mull.models.disk import packaged
from mull.store.records import TurnRecord, title_of
from mull.store.sessions import Store
from mull.terminal.console.quantities import counted, duration, token_count
from mull.terminal.console.sanitize import one_line
from mull.terminal.console.streams import Streams
from mull.terminal.console.width import wrap
from mull.terminal.input.typeahead import IdleInput, Typeahead
from mull.terminal.views.base import ViewOptions
from mull.terminal.views.open import open_view


class Chat:
    """The state of a session beside its conversation."""

    def __init__(
        self,
        setup: Setup,
        config: RunConfig,
        streams: Streams,
        held: IdleInput,
    ) -> None:
        self.config = config
        self.conversation = setup.conversation
        self.backend = setup.backend
        self.is_builtin = setup.resolved.chosen_by == "builtin"  # the user chose no model
        self.streams = streams
        self.private = not config.saving.sessions
        self.held = held
        self.typeahead = Typeahead(lines=held.lines, text=held.text)
        self.draft = ""  # what the next prompt is prefilled with
        self.replacing = False  # the next question replaces the last one
        self.left = False  # the user leaves
        self._usage: ContextUsage | None = None
        self._measured = False
        self._warned = False
        self._below_answer = False  # the last line on the screen belongs to an answer

    # Turns on the screen.

    def greet(self) -> None:
        """Two lines at most: which model answers, and the session that is resumed."""
        last = self.conversation.last
        if self.config.quiet:
            return
        if last is not None:
            session = self.conversation.branch.session
            title = session.title if session else ""
            turns = counted(len(self.conversation.path), "turn")
            self.note(f"Resumed “{title}” ({turns}, {self.backend.name}).")
            self.show_turn(last)
        elif self.is_builtin:
            self.note("This is pebble, a small demo: it does sums, counts and sorts. Try /help.")
            self.note(real_model(in_chat=True)[0])
        else:
            self.note(f"{self.backend.name} · /help shows commands and keys")
        if self.is_builtin and last is None and (text := packaged.offer("/model")):
            self.note(text)

    def show_turn(self, turn: TurnRecord) -> None:
        """Draw a finished turn the way it looked when it ended."""
        self.blank_line()
        self.note(f"> {title_of(turn.question)}")
        if turn.thinking and self.conversation.preferences.thinking != "hide":
            mark, dot = ("▸", "·") if self.streams.unicode else (">", "-")
            self.note(
                f"{mark} Thought for {duration(turn.timing.thinking)} {dot} {token_count(turn.usage.thinking)}"
            )
            self.blank_line()
        if turn.answer:
            self.show(iter([AnswerDelta(turn.answer, turn.usage.answer), _done(turn)]), TurnControl())
        elif turn.partial:
            self.note("(stopped)")

    def show(self, events: Iterator[Event], control: TurnControl) -> Done:
        """Draw a turn as it comes. Raises what the turn raises, and `keys.Leave`."""
        preferences = self.conversation.preferences
        view = open_view(
            "text",
            ViewOptions(
                self.streams,
                control,
                thinking=preferences.thinking,
                markdown=preferences.markdown,
                quiet=self.config.quiet,
                typeahead=self.typeahead,
            ),
        )
        self._below_answer = True
        with self.held.released():
            return view(events)

    # Notes.

    def note(self, text: str) -> None:
        """A dim sentence, wrapped between words."""
        self.leave_gap()
        for line in wrap(one_line(text), self.streams.width - 1):
            self.streams.note(line)

    def note_notices(self) -> None:
        """Show the branch's notices (a session that cannot be saved, for instance), each once."""
        notices = self.conversation.branch.notices
        while notices:
            self.note(notices.pop(0))

    def leave_gap(self) -> None:
        """A blank line between an answer and a note on it."""
        if self._below_answer:
            self.blank_line()

    def blank_line(self) -> None:
        self._below_answer = False
        self.streams.stdout.write("\n")
        self.streams.stdout.flush()

    # The context.

    @property
    def context_usage(self) -> ContextUsage | None:
        """How full the context is: counted once after each change; None until the model is loaded."""
        if not self._measured and self.backend.ready:
            self._measured = True
            with suppress(MullError):  # a template that wants a question at the end
                self._usage = self.conversation.context_usage(self.backend)
        return self._usage

    def measure(self) -> None:
        """Count again how full the context is; warn once when it passes 80%."""
        self._usage, self._measured = None, False
        usage = self.context_usage
        if usage is not None and usage.tight and not self._warned:
            self.note(
                f"The context is {usage.percent}% full ({usage.text}). "
                "/context shows what fills it, /new starts a new conversation."
            )
        self._warned = usage is not None and usage.tight

    # The session on disk.

    def keep_on(self, store: Store) -> None:
        """Save the conversation to this store from now on, earlier turns included."""
        self.conversation.branch.move_to(store)
        self.private = False


def _done(turn: TurnRecord) -> Done:
    """The `Done` that ended a stored turn."""
    report = turn.reasoning or ReasoningReport("default", "default", "")
    finish = turn.finish or "interrupted"
    return Done(
        turn.model, turn.answer, turn.thinking, report, finish, turn.usage, turn.timing, limit=turn.limit
    )

"""The state of one interactive session, and how the session shows its notes and turns.

It joins a conversation, a model that may still be loading, and the terminal. `asking.py` asks questions with it, the
slash commands change it, `loop.py` reads the lines; it imports none of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from mull.commands._run_config import RunConfig
from mull.commands._session import Setup
from mull.control import TurnControl
from mull.conversation.context_budget import ContextUsage
from mull.endpoints.address import Address
from mull.errors import MullError
from mull.events import AnswerDelta, Done, Event, ReasoningReport
from mull.store.records import TurnRecord
from mull.store.sessions import Store
from mull.terminal.console.attention import Window, notify
from mull.terminal.console.last_turn import LastTurn
from mull.terminal.console.quantities import counted, duration, token_count
from mull.terminal.console.question import question_lines
from mull.terminal.console.sanitize import one_line
from mull.terminal.console.streams import Streams
from mull.terminal.console.width import fitting, wrap
from mull.terminal.input.typeahead import IdleInput, Typeahead
from mull.terminal.views.base import ViewOptions
from mull.terminal.views.input_frame import InputFrame
from mull.terminal.views.open import open_view
from mull.terminal.views.stats import figures, stats_line


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
        self._run = setup.run  # what the config says of the model in use
        self.backend = setup.backend
        self.resolved = setup.resolved
        self.is_builtin = setup.resolved.chosen_by == "builtin"  # the user chose no model
        self.streams = streams
        self.private = not config.saving.sessions
        self.held = held
        self.typeahead = Typeahead(lines=held.lines, text=held.text, ended=held.ended)
        self.draft = ""  # what the next prompt is prefilled with
        self.replacing = False  # the next question replaces the last one
        self.left = False  # the user leaves
        self._usage: ContextUsage | None = None
        self._measured = False
        self._warned = False
        self._window = Window(streams) if config.screen.title else None
        self.turn = LastTurn()  # on the screen
        self.frame = InputFrame(streams, self.typeahead)
        self._below_answer = False  # the last line on the screen belongs to an answer

    @property
    def address(self) -> Address | None:
        """Where the model answers, if not on this machine."""
        return self.resolved.address

    @property
    def model_name(self) -> str:
        """The model's name for people, with its endpoint. It never waits for a server."""
        if self.address is None:
            return self.backend.name
        model = self.backend.reference.removesuffix(f"@{self.address.endpoint.name}")
        return replace(self.address, model=model or None).label

    def use_settings(self, run: RunConfig) -> None:
        """Take the settings for another model; what the user has changed in this chat stays."""
        conversation = self.conversation
        conversation.preferences = conversation.preferences.moved(self._run.preferences, run.preferences)
        if not conversation.path and conversation.branch.system == (self._run.system or ""):
            conversation.branch.set_system(run.system or "")
        self._run = run

    # Turns on the screen.

    def show_resumed(self) -> None:
        """Name the conversation that continues, and show its last turn."""
        if (last := self.conversation.last) is None or self.config.quiet:
            return
        session = self.conversation.branch.session
        turns = counted(len(self.conversation.path), "turn")
        self.note(f'Resumed "{session.title if session else ""}" ({turns}, {self.model_name}).')
        self.show_turn(last)

    def show_turn(self, turn: TurnRecord) -> None:
        """Draw a finished turn the way it looked when it ended."""
        self.blank_line()
        columns = self.streams.width
        lines = question_lines(self.streams, turn.question, columns=columns)
        self.streams.write("".join(f"{line}\n" for line in lines))
        self.turn.begin()
        self.turn.add(
            lines, columns, lambda columns: [question_lines(self.streams, turn.question, columns=columns)]
        )
        if turn.thinking and self.conversation.preferences.thinking != "hide":
            mark, dot = ("▸", "·") if self.streams.unicode else (">", "-")
            self.blank_line()
            self.note(
                f"{mark} Thought for {duration(turn.timing.thinking)} {dot} {token_count(turn.usage.thinking)}"
            )
        if turn.answer:
            self.show_figures(
                self.show(iter([AnswerDelta(turn.answer, turn.usage.answer), _done(turn)]), TurnControl())
            )
        elif turn.partial:
            from mull.store.export import ending

            self.blank_line()
            self.note(f"({ending(turn)})")

    def show(self, events: Iterator[Event], control: TurnControl, shown: int = 0) -> Done:
        """Draw a turn as it comes; `shown`: see `ViewOptions`. Raises what the turn raises, and `keys.Leave`."""
        preferences = self.conversation.preferences
        view = open_view(
            "text",
            ViewOptions(
                self.streams,
                control,
                thinking=preferences.thinking,
                markdown=preferences.markdown,
                math=preferences.math,
                quiet=self.config.quiet,
                typeahead=self.typeahead,
                frame=self.frame,
                turn=self.turn,
                shown=shown,
            ),
        )
        self.blank_line()
        self.frame.hand_over()
        self._below_answer = True
        with self.held.released():
            return view(events)

    # The terminal around the chat.

    def show_title(self) -> None:
        """Put the conversation's name into the window's title. A private one has none."""
        session = self.conversation.branch.session
        if self._window is not None:
            self._window.show("mull" if session is None or self.private else f"mull: {session.title}")

    def close_window(self) -> None:
        """Restore the window's title."""
        if self._window is not None:
            self._window.close()

    def finished(self, seconds: float) -> None:
        """Draw the user's attention to an answer that took long."""
        screen = self.config.screen
        if screen.notify != "off" and seconds > screen.notify_after:
            session = self.conversation.branch.session
            title = session.title if session is not None and not self.private else "the answer is ready"
            notify(self.streams, f"mull: {title}", bell=screen.notify == "bell")

    # Notes.

    def note(self, text: str) -> None:
        """A dim sentence, wrapped between words."""
        self.leave_gap()
        columns, style = self.streams.width, self.streams.stderr_style

        def draw(columns: int) -> list[list[str]]:
            return [[style.message(line, "muted") for line in wrap(one_line(text), columns - 1)]]

        ((*lines,),) = draw(columns)
        if self.streams.stderr_live:
            self.turn.add(lines, columns, draw)
        if not self.frame.write(lines):
            for line in wrap(one_line(text), columns - 1):
                self.streams.note(line)

    def error(self, error: MullError, *, gap: bool = False) -> None:
        """An error and its hint. `gap`: it comes right after a turn."""
        if gap:
            self.leave_gap()
        self.turn.forget()
        with self.frame.lifted():
            self.streams.error(error.message, error.hint)

    def show_figures(self, done: Done) -> None:
        """The figures that follow a turn: those that the user asked for, else the most important ones."""
        if self.config.stats:
            self.note(stats_line(done))
        elif not self.config.quiet:
            usage = self.context_usage
            parts = figures(done, usage.text if usage is not None else "")
            if parts:
                self.note(fitting(parts, self.streams.width - 1, " · " if self.streams.unicode else " - "))

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
        self.turn.add([""], self.streams.width, lambda _columns: [[""]])
        if not self.frame.write([""], gap=False):
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
        self.forget_usage()
        self.warn_if_tight()

    def forget_usage(self) -> None:
        """The conversation has changed: count again when it is next asked how full the context is."""
        self._usage, self._measured = None, False

    def warn_if_tight(self) -> None:
        """Say so once when the context passes 80%."""
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

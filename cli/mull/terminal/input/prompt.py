"""The chat's prompt: multi-line input in a frame, history, completion, an editor, a bar, the thinking of past turns.

In: callbacks for the toolbar, the thinking and completions. Out: what the user submitted, or EOFError when they leave.
What was submitted stays on the screen as a question (`console/question.py`). prompt_toolkit owns the terminal only
during `read`; it is imported with the first prompt. Keys: Enter submits, Alt+Enter and Ctrl+J break the line, Ctrl+X
Ctrl+E opens $EDITOR, Ctrl+O shows the thinking of past turns, Ctrl+R searches the history (`search.py`).
Long pastes are folded (`folded_paste.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mull.fs.json_text import valid_unicode
from mull.terminal.console.ascii_text import ascii_text
from mull.terminal.console.last_turn import LastTurn
from mull.terminal.console.question import MARK, frame_line, question_lines
from mull.terminal.console.sanitize import one_line
from mull.terminal.console.streams import Streams
from mull.terminal.console.width import clip, fitting, wrap
from mull.terminal.input import menu
from mull.terminal.input.completion import Suggest
from mull.terminal.input.folded_paste import Pastes
from mull.terminal.input.history import open_history
from mull.terminal.input.keys import LEAVE_SECONDS, Leave
from mull.terminal.input.prompt_input import terminal_input
from mull.terminal.input.prompt_style import color_depth, prompt_style
from mull.terminal.input.resizing import erase_wrapped_rows, redraw_turn
from mull.terminal.input.search import SEARCH_KEYS, Search
from mull.terminal.input.signals import end_on_signals, restored_handlers
from mull.terminal.input.thinking_viewer import Draw, ThinkingViewer, Thoughts

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

MENU_ROWS = 6
ROWS_BESIDE = 11  # of a message, a blank line, the frame and the bar; and the menu's
KEYS_SHOWN_FOR = "?"
Toolbar = Callable[[int], Sequence[str]]  # columns → parts
Keys = Callable[[int, int], Sequence[str]]  # columns, rows → lines
INDENT = "  "  # of the bar, so that it stands below the input's text


class Prompt:
    """One chat's prompt. With `history_path` None the history is not saved (private, or switched off).

    `toolbar` returns parts in order of importance; as many are shown as fit. `thoughts` returns the thinking of past
    turns, the latest last; turns without any are skipped. `keys` returns the help on keys, shown for a lone `?`.
    `placeholder` stands in an empty input. `is_command` says which input is a command: it stands out less than a
    question. `literal` writes an input so that it is none: one that begins with a folded paste. `draw` lays out
    thoughts, with SGR codes perhaps. `turn`: what is above the prompt, drawn again after a resize.
    """

    def __init__(
        self,
        *,
        history_path: Path | None,
        completer: Suggest,
        toolbar: Toolbar,
        thoughts: Thoughts,
        keys: Keys = lambda _columns, _rows: (),
        vi: bool,
        streams: Streams,
        placeholder: str = "",
        is_command: Callable[[str], bool] = lambda _line: False,
        literal: Callable[[str], str] = lambda line: line,
        draw: Draw = wrap,
        turn: LastTurn | None = None,
    ) -> None:
        self._turn = turn or LastTurn()
        self._streams = streams
        self._suggest = completer
        self._keys = keys
        self._placeholder = placeholder
        self._is_command = is_command
        self._literal = literal
        self._toolbar = toolbar
        self._viewer = ThinkingViewer(thoughts, draw)
        self._pastes = Pastes()
        self._search = Search()
        self._leaving = self._discards = False  # Ctrl+C was the last key; Ctrl+C discards the input
        self._interrupted_at = float("-inf")
        self._session = self._make_session(history_path, completer, vi=vi)

    def read(
        self, default: str = "", *, interrupted_at: float = float("-inf"), discards: bool = False
    ) -> str:
        """What the user submits. `interrupted_at`: when Ctrl+C last stopped a turn, in `time.monotonic()` seconds.

        `discards`: Ctrl+C does not clear the input but ends it, and the text is empty.

        Raises EOFError when they leave (Ctrl+D, or Ctrl+C twice on an empty line), `Leave` for a second Ctrl+C
        within two seconds of the first, which may have been pressed here or during the turn.
        """
        self._viewer.close()

        def begin() -> None:
            self._leaving, self._interrupted_at, self._discards = False, interrupted_at, discards
            end_on_signals()

        with restored_handlers():
            columns, rows = self._streams.size()
            # The message that says why the input is back must stay in view above it.
            shown = self._pastes.fitting(default, max(1, columns - len(MARK)), max(1, rows - ROWS_BESIDE))
            text = self._session.prompt(default=shown, pre_run=begin)
        if text:
            self._show(valid_unicode(self._pastes.titled(text)))
        whole = valid_unicode(self._pastes.whole(text))
        return self._literal(whole) if self._pastes.lead(text) else whole

    def fold(self, pieces: Sequence[str]) -> None:
        """From now on, show the long ones of these pastes folded, in a line that is read or echoed."""
        for piece in pieces:
            self._pastes.fold(piece)

    def echo(self, line: str) -> None:
        """Show a line that was typed ahead as if it had been typed here, and add it to the history."""
        self._show(self._pastes.titled(self._pastes.folded(line)))
        self._session.history.append_string(line)

    def _show(self, line: str) -> None:
        command, columns = self._is_command(line), self._streams.width
        lines = question_lines(self._streams, line, command=command, columns=columns)
        if command:
            self._turn.forget()
        else:
            self._turn.begin()
            self._turn.add(
                lines, columns, lambda columns: [question_lines(self._streams, line, columns=columns)]
            )
        self._streams.stdout.write("".join(f"{one}\n" for one in lines))
        self._streams.stdout.flush()

    def refresh(self) -> None:
        """Redraw the toolbar, if the prompt is shown. From any thread."""
        self._session.app.invalidate()

    def _make_session(self, history_path: Path | None, completer: Suggest, *, vi: bool) -> PromptSession[str]:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.application import get_app
        from prompt_toolkit.cursor_shapes import ModalCursorShapeConfig
        from prompt_toolkit.enums import EditingMode
        from prompt_toolkit.filters import Condition, to_filter

        @Condition
        def names_a_command() -> bool:
            document = get_app().current_buffer.document
            return document.line_count == 1 and document.text.startswith("/")

        session: PromptSession[str] = PromptSession(
            message=self._message,
            multiline=True,
            prompt_continuation=" " * len(MARK),
            completer=menu.completer(completer),
            complete_while_typing=names_a_command,
            reserve_space_for_menu=MENU_ROWS,
            history=open_history(history_path, self._pastes.whole),
            key_bindings=self._bindings(),
            input_processors=[self._pastes.processor()],
            bottom_toolbar=self._bottom,
            placeholder=self._empty,
            erase_when_done=True,
            editing_mode=EditingMode.VI if vi else EditingMode.EMACS,
            cursor=ModalCursorShapeConfig() if vi else None,
            enable_open_in_editor=True,
            enable_suspend=True,
            tempfile_suffix=".md",
            color_depth=color_depth(self._streams),
            style=prompt_style(self._streams.stdout_style),
            include_default_pygments_style=False,
            input=terminal_input(self._streams),
        )
        session.layout.current_window.dont_extend_height = to_filter(True)  # the bar stands right below
        _show_bar_at_once(session)
        session.default_buffer.on_text_changed += self._typed
        # Its warning would stand above the prompt for a connection that answers late, and keys typed meanwhile be lost.
        session.app.renderer.cpr_not_supported_callback = None
        erase_wrapped_rows(session.app)
        redraw_turn(session.app, self._turn)
        self._search.watch(session)
        if vi:  # a key may be the begin of several there
            session.app.timeoutlen = 0.5
        return session

    def _typed(self, _buffer: object) -> None:
        """A user who types again does not want to leave."""
        self._leaving, self._interrupted_at = False, float("-inf")

    def _message(self) -> StyleAndTextTuples:
        columns, rows = self._streams.size()
        above: Sequence[str] = self._viewer.lines(columns, max(3, rows // 2))
        if self._session.default_buffer.text == KEYS_SHOWN_FOR:
            above = self._keys(columns, max(3, rows // 2))
        if not self._streams.unicode:
            above = [ascii_text(line) for line in above]
        return [
            *(fragment for line in above for fragment in _fragments(line)),
            ("class:frame", frame_line(self._streams, columns) + "\n"),
            ("class:mark", MARK),
        ]

    def _empty(self) -> StyleAndTextTuples:
        if self._session.app.layout.is_searching:  # the input is only shown, not there yet
            return []
        return [("class:placeholder", clip(self._placeholder, self._streams.width - len(MARK) - 1))]

    def _bottom(self) -> StyleAndTextTuples:
        columns = self._streams.width
        parts: Iterable[str] = map(one_line, self._toolbar(columns))
        if self._leaving:
            parts = ["Ctrl+C again leaves"]
        if self._session.app.layout.is_searching:
            parts = SEARCH_KEYS
        joint = " · " if self._streams.unicode else " - "
        bar = INDENT + fitting(parts, columns - 1 - len(INDENT), joint)
        return [("class:frame", frame_line(self._streams, columns) + "\n"), ("class:bar", bar)]

    def _bindings(self) -> KeyBindings:
        from prompt_toolkit.filters import Condition, emacs_mode, has_completions
        from prompt_toolkit.key_binding import KeyBindings

        bindings = KeyBindings()
        self._pastes.bind(bindings)
        viewing = Condition(lambda: self._viewer.open)
        keys_shown = Condition(lambda: self._session.default_buffer.text == KEYS_SHOWN_FOR)

        def submit(buffer: Buffer) -> None:
            if menu.press_enter(buffer, self._suggest) and buffer.text.strip():
                self._viewer.close()
                buffer.validate_and_handle()

        @bindings.add("enter")
        def _enter(event: KeyPressEvent) -> None:
            submit(event.current_buffer)

        @bindings.add("escape", "enter")
        @bindings.add("c-j")
        def _new_line(event: KeyPressEvent) -> None:
            event.current_buffer.newline(copy_margin=False)

        @bindings.add("c-c")
        @bindings.add("<sigint>")
        def _interrupt(event: KeyPressEvent) -> None:
            now = time.monotonic()
            if now - self._interrupted_at <= LEAVE_SECONDS:
                event.app.exit(exception=Leave())
            elif event.current_buffer.text and self._discards:
                event.app.exit(result="")
            elif event.current_buffer.text:
                event.current_buffer.reset()
            elif self._leaving:
                event.app.exit(exception=EOFError())
            self._leaving, self._interrupted_at = True, now

        @bindings.add("c-o")
        def _thoughts(event: KeyPressEvent) -> None:  # noqa: ARG001
            self._viewer.toggle()

        @bindings.add("<vt100-mouse-event>")
        def _mouse(event: KeyPressEvent) -> None:
            """The mouse belongs to the terminal; typed escapes that look like it must not fail to parse."""

        @bindings.add("escape", filter=viewing)
        def _close_thoughts(event: KeyPressEvent) -> None:  # noqa: ARG001
            self._viewer.close()

        @bindings.add("escape", filter=has_completions & emacs_mode)  # vi's own Esc closes the menu, too
        def _close_menu(event: KeyPressEvent) -> None:
            event.current_buffer.cancel_completion()

        @bindings.add("escape", filter=keys_shown & emacs_mode)
        def _close_keys(event: KeyPressEvent) -> None:
            event.current_buffer.reset()

        for key, step in (("up", -1), ("down", 1)):
            bindings.add(key, filter=viewing)(partial(_call, self._viewer.turn, step))
        for key, step in (("pageup", -1), ("pagedown", 1)):
            bindings.add(key, filter=viewing)(partial(_call, self._viewer.scroll, step))

        self._search.bind(bindings, submit)
        return bindings


def _show_bar_at_once(session: PromptSession[str]) -> None:
    """Draw the bar before the terminal has said where the cursor is: its place does not depend on that."""
    from prompt_toolkit.filters import is_done
    from prompt_toolkit.layout import ConditionalContainer, Window, walk

    for container in walk(session.layout.container):
        if isinstance(container, ConditionalContainer):
            bar = container.content
            if isinstance(bar, Window) and bar.style == "class:bottom-toolbar":
                container.filter = ~is_done


def _fragments(line: str) -> StyleAndTextTuples:
    """A line of thoughts, with a newline after it."""
    if "\x1b" not in line:
        return [("class:thought", line + "\n")]
    from prompt_toolkit.formatted_text import ANSI, to_formatted_text

    return [
        *((f"class:thought {style}", text) for style, text, *_ in to_formatted_text(ANSI(line))),
        ("", "\n"),
    ]


def _call(function: Callable[[int], None], step: int, event: KeyPressEvent) -> None:  # noqa: ARG001
    function(step)

"""Deliver a one-shot answer: to stdout, to a file (-o), only a code block of it (-x), the thinking to a file.

In: an `AnswerOutput`, before anything is computed. Out: the streams for the view to write to, and the exit code at the
end. A file is written when the answer is complete or was cut at a limit; after an interruption or a failure it is
unchanged.
"""

from __future__ import annotations

import dataclasses
import io
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mull.dataclass import dataclass
from mull.errors import ExitCode, MullError, UsageError
from mull.events import EMPTY_ANSWER, LOOPED, Done
from mull.fs.out_file import OutFile, descriptor
from mull.terminal.console.sanitize import visible
from mull.terminal.console.streams import Streams

if TYPE_CHECKING:
    from mull.backends.base import ChatBackend
    from mull.commands._ask_options import AskFlags
    from mull.terminal.views.base import OutputForm

STDOUT = 1  # its descriptor
_DELIVERED = ("stop", "length", "loop", "schema")  # how a turn ended whose answer is written to a file


@dataclass(frozen=True, slots=True)
class AnswerOutput:
    """What of an answer is written, and where: all of it, or a code block (`last`: the last; `language`: of that one).

    `file` None: to stdout. `as_text` False: another output form, of which all is written even when the turn failed.
    """

    as_text: bool = True
    extract: bool = False
    last: bool = False
    language: str = ""
    file: Path | None = None
    thinking_file: Path | None = None

    @classmethod
    def of(cls, flags: AskFlags, form: OutputForm) -> AnswerOutput:
        """From the command's flags. Raises UsageError for conflicting ones."""
        extract = bool(flags.extract or flags.extract_last or flags.extract_lang)
        if extract and form != "text":
            raise UsageError(
                "conflicting_options",
                f"-x and --{form} exclude each other.",
                "Give only one; -x takes a code block out of an answer that is printed as text.",
            )
        file = flags.output
        if file and descriptor(file) == STDOUT:
            file = None
        if file and file == flags.thinking_file:
            raise UsageError("same_file", "-o and --thinking-file name the same file.", "Name two files.")
        return cls(
            form == "text", extract, flags.extract_last, flags.extract_lang or "", file, flags.thinking_file
        )


class Delivery:
    """A context manager: opens the files, which must be closed in every case.

    Raises MullError for a file that cannot be written.
    """

    def __init__(self, wanted: AnswerOutput, streams: Streams) -> None:
        self._wanted = wanted
        self._streams = streams
        self._buffer = io.StringIO() if wanted.extract or wanted.file else None
        with ExitStack() as files:
            self._output = files.enter_context(OutFile(wanted.file)) if wanted.file else None
            self._thinking = (
                files.enter_context(OutFile(wanted.thinking_file)) if wanted.thinking_file else None
            )
            self._files = files.pop_all()

    @property
    def streams(self) -> Streams:
        """The streams for the view. stdout is a buffer when the complete answer is needed before it is written."""
        if self._buffer is None:
            return self._streams
        return dataclasses.replace(self._streams, stdout=self._buffer, stdout_tty=False, stdout_live=False)

    def deliver(self, done: Done) -> int:
        """Write the answer and the thinking; returns the exit code. Raises MullError when a file cannot be written."""
        if self._thinking is not None:
            self._write(self._thinking, _with_newline(done.thinking))
        if self._buffer is None:
            return done.exit_code
        text = self._buffer.getvalue()
        if self._wanted.extract:
            block = self._block(done) if done.finish in _DELIVERED else None
            if block is None:
                return self._no_block(done)
            text = _with_newline(block)
        if self._output is None:
            self._streams.write_stdout(text)
        elif done.finish in _DELIVERED or not self._wanted.as_text:
            self._write(self._output, text)
        return done.exit_code

    def _write(self, file: OutFile, text: str) -> None:
        """Write the file; when that fails, print the text on stderr so that it is not lost."""
        try:
            file.write(text)
        except MullError:
            self._streams.write_stderr(visible(text) if self._streams.stderr_tty else text)
            raise

    def _block(self, done: Done) -> str | None:
        from mull.terminal.markdown.code_blocks import pick

        return pick(done.answer, last=self._wanted.last, language=self._wanted.language)

    def _no_block(self, done: Done) -> int:
        """Print the answer on stderr, where no script takes it for code; returns the exit code."""
        answer = _with_newline(done.answer)
        self._streams.write_stderr(visible(answer) if self._streams.stderr_tty else answer)
        if done.exit_code:
            return done.exit_code
        wanted = f" of {self._wanted.language}" if self._wanted.language else ""
        self._streams.error(f"There is no code block{wanted} in the answer.", "The complete answer is above.")
        return ExitCode.FAILURE

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()


def _with_newline(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def shortfall(done: Done, backend: ChatBackend) -> str | None:
    """Why the answer is incomplete or missing, and what helps: for exit codes 3 and 4, and an answer without text."""
    if done.finish == "thinking":
        return "The model thought but never answered. --think-budget N limits thinking, --no-reason switches it off."
    if done.finish == "loop":
        return f"{LOOPED} --repeat-penalty 1.1 may help; --no-loop-guard lets it go on."
    if done.finish == "length" and done.limit == "context":
        more = (
            " --ctx N allows more, up to the model's own limit." if backend.capabilities.context_size else ""
        )
        return f"The answer was cut: the context is full.{more}"
    if done.finish == "length" and done.limit == "default":
        return "The answer was cut at the default limit. --max-tokens N sets another."
    if done.empty:
        return EMPTY_ANSWER
    return None

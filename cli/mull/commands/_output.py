"""Where a one-shot answer goes beside the screen: a code block of it alone, a file, the thinking to another.

In: the flags, before anything is computed. Out: streams for the view to write to, and at the end the exit code. A file
is written when the answer has ended by itself or at a limit; an interrupted answer or a failure leaves it as it was.
"""

from __future__ import annotations

import dataclasses
import io
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from mull.commands._ask_options import AskFlags
from mull.errors import ExitCode, MullError, UsageError
from mull.events import Done
from mull.fs.atomic import OutFile
from mull.terminal.console.sanitize import visible
from mull.terminal.console.streams import Streams

_WORTH_KEEPING = ("stop", "length", "schema")


class Delivery:
    """A context manager. Raises UsageError for flags that contradict each other, MullError for files that cannot be
    written."""

    def __init__(self, flags: AskFlags, streams: Streams) -> None:
        self._flags = flags
        self._streams = streams
        self._as_text = not (flags.json or flags.jsonl)
        self._extracts = bool(flags.extract or flags.extract_last or flags.extract_lang)
        if self._extracts and not self._as_text:
            raise UsageError(
                "conflicting_options",
                "-x has no place in JSON.",
                "Give either, and take the answer out with jq.",
            )
        output = None if flags.output == Path("-") else flags.output
        if output and output == flags.thinking_file:
            raise UsageError("same_file", "The answer and the thinking cannot go to one file.", "Name two.")
        self._held = io.StringIO() if self._extracts or output else None
        with ExitStack() as files:
            self._output = files.enter_context(OutFile(output)) if output else None
            self._thinking = (
                files.enter_context(OutFile(flags.thinking_file)) if flags.thinking_file else None
            )
            self._files = files.pop_all()

    @property
    def streams(self) -> Streams:
        """What the view writes to: stdout itself, unless the answer is wanted as a whole first."""
        if self._held is None:
            return self._streams
        return dataclasses.replace(self._streams, stdout=self._held, stdout_tty=False, stdout_live=False)

    def deliver(self, done: Done) -> int:
        """Write what is to be written. Raises MullError where that fails now."""
        if self._thinking is not None:
            self._write(self._thinking, _ended(done.thinking))
        if self._held is None:
            return done.exit_code
        text = self._held.getvalue()
        if self._extracts:
            block = self._block(done) if done.finish in _WORTH_KEEPING else None
            if block is None:
                return self._no_block(done)
            text = _ended(block)
        if self._output is None:
            self._streams.stdout.write(visible(text) if self._streams.stdout_tty else text)
            self._streams.stdout.flush()
        elif done.finish in _WORTH_KEEPING or not self._as_text:
            self._write(self._output, text)
        return done.exit_code

    def _write(self, file: OutFile, text: str) -> None:
        """What the file does not take is not lost: it is shown."""
        try:
            file.write(text)
        except MullError:
            self._streams.write_stderr(visible(text) if self._streams.stderr_tty else text)
            raise

    def _block(self, done: Done) -> str | None:
        from mull.terminal.markdown.code_blocks import pick

        return pick(done.answer, last=self._flags.extract_last, language=self._flags.extract_lang or "")

    def _no_block(self, done: Done) -> int:
        """The whole answer is all there is; it goes where it cannot be taken for code."""
        answer = _ended(done.answer)
        self._streams.write_stderr(visible(answer) if self._streams.stderr_tty else answer)
        if done.exit_code:
            return done.exit_code
        wanted = f" of {self._flags.extract_lang}" if self._flags.extract_lang else ""
        self._streams.error(f"There is no code block{wanted} in the answer.", "It is above, as it is.")
        return ExitCode.FAILURE

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"

"""Standard input, output and error, and the facts about them, as one frozen value.

In: `--color` and the environment. Out: three text handles and, for each: is it a terminal, does it take colour,
escape sequences and UTF-8. Made once, in `app.py`, and passed down; no other module uses `sys.stdout`. A write to
stderr that fails never fails a run; a closed stdout ends it without a message (`quiet_when_closed`).
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import BinaryIO, Literal, TextIO

from mull.dataclass import dataclass
from mull.errors import ExitCode, MullError
from mull.fs import text as textfiles
from mull.fs.stream import StreamReader, StreamWriter, is_non_blocking, read_stream
from mull.terminal.console.ascii_text import REPLACE
from mull.terminal.console.links import opens_links
from mull.terminal.console.palette import Depth, Palette
from mull.terminal.console.sanitize import one_line, visible
from mull.terminal.console.style import Style
from mull.terminal.console.theme import ThemeChoice
from mull.terminal.console.width import breaks

ColorChoice = Literal["auto", "always", "never"]
DEFAULT_SIZE = (80, 24)
_STDIN = "standard input"


@dataclass(frozen=True, slots=True)
class Streams:
    """The three streams.

    `*_live`: a terminal on which the cursor can be moved. `unicode`: stdout and stderr take UTF-8.
    """

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    stdin_tty: bool
    stdout_tty: bool
    stderr_tty: bool
    stdout_live: bool
    stderr_live: bool
    stdout_style: Style
    stderr_style: Style
    unicode: bool

    @classmethod
    def detect(
        cls,
        color: ColorChoice = "auto",
        environ: Mapping[str, str] | None = None,
        theme: Callable[[], ThemeChoice] = ThemeChoice,
    ) -> Streams:
        """Examine the process's own streams and prepare them: UTF-8 in pipes, unwritable characters replaced.

        `theme` says what the user chose; it is called when something is first drawn in colour.
        """
        environ = os.environ if environ is None else environ
        stdin, stderr = _open(sys.stdin, "r"), _open(sys.stderr, "w")
        stdout = _open(sys.stdout, "w", refuses=True)
        moves = environ.get("TERM", "" if sys.platform != "win32" else "windows") not in {
            "",
            "dumb",
            "unknown",
        }
        tty = [_is_tty(stream) for stream in (stdin, stdout, stderr)]
        if moves and sys.platform == "win32":  # pragma: no cover
            moves = _enable_escapes()
        for stream, is_tty in ((stdout, tty[1]), (stderr, tty[2])):
            _prepare(stream, is_tty)
        palette = Palette(theme, depth=_depth(environ), environ=environ)
        styles = [_style(color, environ, is_tty, moves, palette) for is_tty in tty[1:]]
        return cls(
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            stdin_tty=tty[0],
            stdout_tty=tty[1],
            stderr_tty=tty[2],
            stdout_live=tty[1] and moves,
            stderr_live=tty[2] and moves,
            stdout_style=styles[0],
            stderr_style=styles[1],
            unicode=all(_is_utf8(stream) for stream in (stdout, stderr)),
        )

    def size(self) -> tuple[int, int]:
        """Columns and rows of the terminal that stdout, else stderr, goes to; 80 × 24 without one."""
        for stream, is_tty in ((self.stdout, self.stdout_tty), (self.stderr, self.stderr_tty)):
            if is_tty:
                with suppress(OSError, ValueError):
                    columns, rows = os.get_terminal_size(stream.fileno())
                    if columns > 0 and rows > 0:
                        return columns, rows
        return DEFAULT_SIZE

    @property
    def width(self) -> int:
        return self.size()[0]

    @property
    def palette(self) -> Palette:
        """The styles of both streams."""
        return self.stdout_style.palette

    def read_stdin(self, *, quiet: bool = False) -> tuple[str, bool]:
        """All of standard input, without a byte order mark, and whether bytes that are not UTF-8 became U+FFFD.

        Raises MullError for input that is not text, and what `stdin_bytes` raises."""
        text, replaced = textfiles.decode(self.stdin_bytes(textfiles.MOST, quiet=quiet))
        if replaced and "\0" in text:
            raise MullError("binary_input", "The input is not text.", "Only text can be piped in.")
        return text, replaced

    def stdin_bytes(self, most: int, *, quiet: bool = False) -> bytes:
        """The same, undecoded. A terminal's user is told of a long wait for it, unless `quiet`.

        Raises MullError: stdin_unreadable, and file_too_long beyond `most` bytes (the rest stays unread)."""
        try:
            descriptor = self.stdin.fileno()
        except OSError:  # a test's StringIO
            return self.stdin.read().encode("utf-8", "surrogatepass")
        says = self.waiting(quiet=quiet)
        try:
            data = read_stream(descriptor, most + 1, says and partial(says, _STDIN))
        except OSError as failure:
            raise stdin_unreadable(failure) from failure
        if len(data) > most:
            raise textfiles.too_long("The input", len(data), least=True)
        return data

    def stdin_lines(self) -> BinaryIO:
        """Standard input, to be read line by line; closing it has no effect. Raises MullError (stdin_unreadable)."""
        try:
            return io.BufferedReader(StreamReader(self.stdin.fileno()))
        except OSError as failure:
            raise stdin_unreadable(failure) from failure

    def waiting(self, *, quiet: bool = False) -> Callable[[str], None] | None:
        """What announces a long wait for the stream of a name on a terminal; None for no announcement."""
        return self._say_waiting if self.stderr_tty and not quiet else None

    def _say_waiting(self, name: str) -> None:
        text = f"Waiting for the end of {one_line(name)}."
        if self.stdin_tty and name == _STDIN:
            text = f"{text} Ctrl+D on an empty line ends it."
        if self.stdin_tty:  # without colour: asking for the background would take what is being typed
            self.write_stderr(f"{text}\n")
        else:
            self.note(text)

    def note(self, text: str) -> None:
        """One muted line on stderr; a terminal gets it wrapped at words."""
        self._write_message(one_line(text), "muted")

    def write(self, text: str) -> None:
        """Write to stdout at once, without any change.

        Raises MullError (write_failed) where it cannot be written, on a full disk for instance; a closed pipe stays an
        OSError, for `quiet_when_closed`.
        """
        try:
            self.stdout.write(text)
            self.stdout.flush()
        except OSError as failure:
            if is_closed_pipe(failure):
                raise
            from mull.fs.os_failures import unwritable

            raise unwritable(failure) from failure

    def write_stdout(self, text: str) -> None:
        """Write text of a model or a file to stdout: a terminal gets no control characters, a pipe the same bytes.

        Raises what `write` raises.
        """
        self.write(visible(text) if self.stdout_tty else text)

    def write_stderr(self, text: str) -> None:
        """Write to stderr without any change."""
        with suppress(OSError, ValueError):
            self.stderr.write(text)
            self.stderr.flush()

    def confirm(self, question: str) -> bool:
        """Ask on stderr and read the answer from stdin; no answer is no."""
        self.stderr.write(f"{one_line(question)} [y/N] ")
        self.stderr.flush()
        return self.stdin.readline().strip().lower() in {"y", "yes"}

    def error(self, message: str, hint: str = "") -> None:
        """One sentence and, on the next line, what to do about it."""
        self._write_message(one_line(message), "", self.stderr_style.message("Error:", "error") + " ")
        if hint:
            self._write_message(one_line(hint), "muted")

    def _write_message(self, text: str, style: str, head: str = "") -> None:
        lines = [text]
        if self.stderr_tty:
            room = max(10, self.width - 1)
            ranges = breaks(text, room, room - len("Error: ") if head else None)
            lines = [text[start:end] for start, end in ranges]
        shown = head + "\n".join(self.stderr_style.message(line, style) for line in lines) + "\n"
        with suppress(OSError, ValueError):  # closed, or the disk is full: not worth failing for
            self.stderr.write(shown)
            self.stderr.flush()


def stdin_unreadable(failure: OSError) -> MullError:
    """The error for a standard input that cannot be read."""
    closed = failure.errno == errno.EBADF
    why = "it is closed, or open for writing only" if closed else textfiles.reason(failure)
    return MullError(
        "stdin_unreadable",
        f"stdin cannot be read: {why}.",
        "Redirect it from a file or a pipe, or from /dev/null.",
    )


@contextmanager
def quiet_when_closed(streams: Streams) -> Iterator[None]:
    """Run the application inside this: when the reader of stdout has gone (`| head -1`), exit with 0 and no message."""
    try:
        yield
        streams.stdout.flush()
    except OSError as failure:
        if not is_closed_pipe(failure):
            raise
        detach(streams)
        raise SystemExit(ExitCode.OK) from None


def is_closed_pipe(failure: OSError) -> bool:
    """Has the reader of the pipe gone? (Windows reports EINVAL.)"""
    return failure.errno == errno.EPIPE or (sys.platform == "win32" and failure.errno == errno.EINVAL)


def detach(streams: Streams) -> None:
    """Point stdout at the null device, so that the interpreter's last flush does not fail."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, streams.stdout.fileno())
        os.close(null)


def _open(stream: TextIO | None, mode: Literal["r", "w"], *, refuses: bool = False) -> TextIO:
    """A stream that the shell closed (`>&-`) is None in Python: use the null device instead, which also keeps its
    descriptor from becoming that of a file that mull opens. `refuses`: writes to it fail, as to a closed stream.
    A non-blocking stream to write to is replaced by one that waits for its reader."""
    if stream is None:
        flags = os.O_RDONLY if mode == "r" or refuses else os.O_WRONLY
        return open(os.open(os.devnull, flags), mode, encoding="utf-8")
    if mode == "w" and isinstance(stream, io.TextIOWrapper) and not _waits(stream):
        with suppress(OSError, ValueError):
            if is_non_blocking(stream.fileno()):
                waiting = io.BufferedWriter(StreamWriter(stream.fileno()))
                return io.TextIOWrapper(waiting, stream.encoding, stream.errors, line_buffering=True)
    return stream


def _waits(stream: io.TextIOWrapper) -> bool:
    """Whether it was replaced already. Without buffering (PYTHONUNBUFFERED) the raw file is the buffer."""
    return isinstance(getattr(stream.buffer, "raw", stream.buffer), StreamWriter)


def _is_tty(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (OSError, ValueError):
        return False


def _is_utf8(stream: TextIO) -> bool:
    try:
        return codecs.lookup(stream.encoding or "ascii").name == "utf-8"
    except (LookupError, AttributeError):
        return False


def _prepare(stream: TextIO, is_tty: bool) -> None:
    """A pipe gets UTF-8 and bare newlines, whatever the locale; a terminal its own encoding, with ASCII for mull's
    signs and `?` for other characters outside it."""
    if isinstance(stream, io.TextIOWrapper):
        if is_tty:
            stream.reconfigure(errors=REPLACE)
        else:
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")


def _style(
    color: ColorChoice, environ: Mapping[str, str], is_tty: bool, moves: bool, palette: Palette
) -> Style:
    """NO_COLOR wins over FORCE_COLOR, as in CPython; a flag wins over both."""
    plain = not (is_tty and moves)
    links = not plain and opens_links(environ)
    if color == "always":
        return Style(color=True, palette=palette, links=links)
    if color == "never" or environ.get("NO_COLOR"):
        return Style(color=False, plain=plain, palette=palette, links=links)
    if environ.get("FORCE_COLOR", "0") not in {"", "0", "false"}:
        return Style(color=True, palette=palette, links=links)
    return Style(color=not plain, plain=plain, palette=palette, links=links)


def _depth(environ: Mapping[str, str]) -> Depth:
    """How many colours the terminal has, by the conventions that rich follows; every current Windows has them all."""
    if environ.get("COLORTERM", "").lower() in {"truecolor", "24bit"} or sys.platform == "win32":
        return "truecolor"
    term = environ.get("TERM", "")
    return (
        "256"
        if term.endswith("256color") or term in {"xterm-kitty", "xterm-ghostty", "alacritty"}
        else "standard"
    )


def _enable_escapes() -> bool:  # pragma: no cover
    """Ask a Windows console to interpret escape sequences; false if it is too old for that."""
    done = True
    if sys.platform == "win32":
        import ctypes

        kernel, done = ctypes.windll.kernel32, False
        for number in (-11, -12):  # STD_OUTPUT_HANDLE, STD_ERROR_HANDLE
            handle, mode = kernel.GetStdHandle(number), ctypes.c_uint32()
            if kernel.GetConsoleMode(handle, ctypes.byref(mode)):
                virtual = mode.value | 0x0004  # ENABLE_VIRTUAL_TERMINAL_PROCESSING
                done |= bool(kernel.SetConsoleMode(handle, virtual))
    return done

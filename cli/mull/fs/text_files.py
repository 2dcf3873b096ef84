"""The text files of a folder or of a pattern (`src/`, `src/**/*.py`), as a user attaches them to a question.

In: what the user typed. Out: names and texts in the order of the names. Hidden files and what .gitignore files name are
left out; what is no text, and links to folders or out of the folder, are skipped and named. Raises MullError:
folder_too_large, file_too_long, file_unreadable, empty_file.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mull.dataclass import dataclass
from mull.errors import MullError
from mull.fs.gitignore import Ignored
from mull.fs.text import MOST, read_text, reason

MOST_FILES = 1_000
MOST_ENTRIES = 100_000
"""Files and folders that are looked at: a folder of a million files is an error within a second."""
_MAGIC = frozenset("*?[")
_SNIFFED = 8192  # bytes that tell a binary file, whatever its size
_MOST_NAMED = 6  # skipped files in a message


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder that is not read, and why."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class TextFiles:
    """The files of one folder or pattern. `replaced`: some bytes were not UTF-8."""

    files: tuple[tuple[str, str], ...]
    skipped: tuple[Skipped, ...] = ()
    replaced: bool = False

    def skipped_text(self, name: str) -> str:
        """A sentence on what was skipped; empty if nothing was."""
        if not self.skipped:
            return ""
        more = len(self.skipped) - _MOST_NAMED
        named = ", ".join(f"{one.path} ({one.why})" for one in self.skipped[:_MOST_NAMED])
        named += f" and {more:,} more" if more > 0 else ""
        return f"Skipped in {name}: {named}."


def is_many(name: str) -> bool:
    """Whether a name means a folder or a pattern. What exists under a name with pattern characters is that file."""
    path = Path(name)
    try:
        return path.is_dir() or (bool(_MAGIC & {*name}) and not os.path.lexists(path))
    except (OSError, ValueError):
        return False


def read_text_files(name: str) -> TextFiles:
    """The text files of a folder or pattern."""
    base, pattern = (Path(name), ()) if Path(name).is_dir() else _split(name)
    files: list[tuple[str, str]] = []
    skipped: list[Skipped] = []
    left, replaced = MOST, False
    for path in _walk(base, pattern, skipped, name):
        if len(files) == MOST_FILES:
            raise _too_many(name, f"{MOST_FILES:,} text files")
        try:
            text, garbled = read_text(path, most=left)
        except MullError as error:
            if error.code == "file_too_long":
                error.message = (
                    f"The files of {name} are more than {MOST >> 20} MiB, far more than fits into a context."
                )
                error.hint = "Name a smaller folder, or a pattern."
                raise
            why = "not text" if error.code == "binary_input" else "cannot be read"
            skipped.append(Skipped(str(path), why))
            continue
        left -= len(text.encode("utf-8", "surrogateescape"))
        replaced |= garbled
        files.append((str(path), text))
    if not files:
        raise _none(name, skipped, is_pattern=bool(pattern))
    return TextFiles(tuple(files), tuple(skipped), replaced)


def _split(name: str) -> tuple[Path, tuple[str, ...]]:
    """The folder in which a pattern begins, and the parts of the pattern."""
    parts = Path(name).parts
    first = next(i for i, part in enumerate(parts) if _MAGIC & {*part})
    return Path(*parts[:first]), parts[first:]


def _walk(base: Path, pattern: Sequence[str], skipped: list[Skipped], name: str) -> Iterator[Path]:
    """The files below a folder, in the order of their names. `skipped` collects the others."""
    top = Path(os.path.realpath(base))
    seen = 0

    def inside(folder: Path, parts: tuple[str, ...], ignored: Ignored) -> Iterator[Path]:
        nonlocal seen
        entries = []
        try:
            with os.scandir(folder) as found:
                for entry in found:
                    seen += 1
                    if seen > MOST_ENTRIES:
                        raise _too_many(name, f"{MOST_ENTRIES:,} files and folders")
                    entries.append(entry)
        except OSError as error:
            if not parts:
                raise MullError(
                    "file_unreadable", f"{folder} cannot be read: {reason(error)}.", "Check its permissions."
                ) from error
            skipped.append(Skipped(str(folder), "cannot be read"))
            return
        ignored = ignored.within(folder)
        for entry in sorted(entries, key=lambda one: one.name):
            below = (*parts, entry.name)
            if _is_hidden(below, pattern) or not _may_match(below, pattern):
                continue
            is_folder = entry.is_dir(follow_symlinks=False)
            if ignored.names(folder / entry.name, is_folder=is_folder):
                continue
            if is_folder:
                yield from inside(folder / entry.name, below, ignored)
            elif _matches(below, pattern):
                path = folder / entry.name
                if why := _unfit(path, top):
                    skipped.append(Skipped(str(path), why))
                else:
                    yield path

    yield from inside(base, (), Ignored.above(base))


def _unfit(path: Path, top: Path) -> str:
    """Why a file is not read as a whole: a link that leads elsewhere, or its first bytes; empty if it is read."""
    try:
        if path.is_symlink():
            if path.is_dir():
                return "a link to a folder"
            if not Path(os.path.realpath(path)).is_relative_to(top):
                return "a link that leads elsewhere"
        if not path.is_file():
            return "not a regular file"
        with path.open("rb") as file:
            return "not text" if b"\0" in file.read(_SNIFFED) else ""
    except OSError:  # also of what it is, in a folder that may be listed and not entered
        return "cannot be read"


def _is_hidden(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the last part begins with a dot, and no part of the pattern asks for that."""
    if not parts[-1].startswith("."):
        return False
    if parts[-1] in {".git", ".hg", ".svn"}:
        return True
    at = len(parts) - 1
    return not (at < len(pattern) and "**" not in pattern[: at + 1] and pattern[at].startswith("."))


def _may_match(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether something at or below these parts may match."""
    for part, wanted in zip(parts, pattern, strict=False):
        if wanted == "**":
            return True
        if not fnmatch.fnmatchcase(part, wanted):
            return False
    return True


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a file's parts match a pattern; a folder that matches is taken with all that it holds."""
    reached = {0}  # places in the pattern that the parts so far lead to
    for part in parts:
        if len(pattern) in reached:
            return True
        reached = {following for place in reached for following in _after(place, part, pattern)}
    return any(all(rest == "**" for rest in pattern[place:]) for place in reached)


def _after(place: int, part: str, pattern: Sequence[str]) -> Iterator[int]:
    """The places of the pattern that one part leads to."""
    if place < len(pattern) and pattern[place] == "**":
        yield place
        yield from _after(place + 1, part, pattern)
    elif place < len(pattern) and fnmatch.fnmatchcase(part, pattern[place]):
        yield place + 1


def _too_many(name: str, what: str) -> MullError:
    return MullError(
        "folder_too_large",
        f"{name} has more than {what}.",
        "Name a smaller folder, or a pattern like 'src/*.py'.",
    )


def _none(name: str, skipped: Sequence[Skipped], *, is_pattern: bool) -> MullError:
    if skipped:
        what = TextFiles((), tuple(skipped)).skipped_text(name)
        return MullError("empty_file", f"There is no text file in {name}. {what}", "Name text files.")
    if is_pattern:
        hint = "Check the pattern; hidden files and those of .gitignore do not count, ** is any folder."
        return MullError("file_unreadable", f"No file matches {name}", hint)
    hint = "Hidden files and those of .gitignore do not count; a file that is named itself does."
    return MullError("empty_file", f"There is no text file in {name}.", hint)

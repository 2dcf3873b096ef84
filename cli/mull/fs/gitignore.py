"""Which files .gitignore files name: those of the folders from a repository's root down, and `.git/info/exclude`.

In: a folder, then the folders below it. Out: whether a path is ignored. Anybody may have written such a file: what is
too long, no text, or a pattern with many stars, is left out of account. Raises nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mull.dataclass import dataclass
from mull.fs.text import read_utf8

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_LONGEST = 1 << 18  # bytes of a file
_MOST_STARS = 6  # in one pattern: a pattern becomes a regular expression, whose time grows by a power of them


@dataclass(frozen=True, slots=True)
class Ignored:
    """The patterns that hold in a folder, each with the folder that its paths begin in, the outermost first."""

    levels: tuple[tuple[Path, GitIgnoreSpec], ...] = ()

    @classmethod
    def above(cls, folder: Path) -> Ignored:
        """Those of the folders above this one in its repository; outside of one there are none."""
        here = Path(os.path.abspath(folder))  # noqa: PTH100 - `..` taken off, links kept
        root = next((one for one in (here, *here.parents) if os.path.lexists(one / ".git")), None)
        if root is None:
            return cls()
        ignored = cls().with_file(root, root / ".git" / "info" / "exclude")
        between = [one for one in reversed(here.parents) if one.is_relative_to(root)] if here != root else []
        for one in between:
            ignored = ignored.within(one)
        return ignored

    def within(self, folder: Path) -> Ignored:
        """With the .gitignore file of a folder."""
        return self.with_file(folder, folder / ".gitignore")

    def names(self, path: Path, *, is_folder: bool) -> bool:
        """Whether a path is ignored; the innermost file that has a pattern for it decides."""
        whole = os.path.abspath(path)  # noqa: PTH100
        for folder, spec in reversed(self.levels):
            below = os.path.relpath(whole, folder).replace(os.sep, "/")
            found = spec.check_file(f"{below}/" if is_folder else below).include
            if found is not None:
                return found
        return False

    def with_file(self, folder: Path, file: Path) -> Ignored:
        """With the patterns of a file, whose paths begin in `folder`."""
        try:
            lines = read_utf8(file, most=_LONGEST).splitlines()
        except (OSError, ValueError):
            return self
        from pathspec import GitIgnoreSpec

        lines = [line for line in lines if line.replace("**", "*").count("*") <= _MOST_STARS]
        try:
            spec = GitIgnoreSpec.from_lines(lines)
        except ValueError:  # a pattern that is none
            return self
        return Ignored((*self.levels, (Path(os.path.abspath(folder)), spec)))  # noqa: PTH100

"""Who else could have written a file: its owner, and the permissions of the file and of every folder above it.

In: a path. Out: None when only this user, root and `owners` can change what is there, else what is wrong in words that
make a sentence. Links are followed, and judged too. Raises nothing. On Windows, where permissions are of another kind,
nothing is found.
"""

from __future__ import annotations

import functools
import os
import shlex
import stat
from collections.abc import Collection, Iterator
from pathlib import Path


def foreign(path: Path, owners: Collection[int] = ()) -> str | None:
    """Whether the file or folder, or a link to it, belongs to neither this user nor root nor one of `owners`."""
    trusted = _trusted(owners)
    try:
        places = (path, Path(os.path.realpath(path)))
    except OSError:  # a relative path, and the working folder is gone
        return None
    for place in dict.fromkeys(places):
        found = _lstat(place)
        if trusted and found is not None and found.st_uid not in trusted:
            return f"{place} belongs to {_user(found.st_uid)}"
    return None


def weakness(path: Path, owners: Collection[int] = (), *, new_files: bool = True) -> str | None:
    """Why others than this user, root and `owners` could change what is at `path`. A missing file has no weakness.

    A group that has no other member than the user may write. In a folder with the sticky bit (/tmp) others can create
    files, and not replace those of the user: that suffices above the path, and for a folder at the path itself only
    without `new_files`.
    """
    trusted = _trusted(owners)
    if not trusted or _lstat(path) is None:
        return None
    for place, last in _chain(path):
        found = _lstat(place)
        if found is None:
            continue
        if found.st_uid not in trusted:
            return f"{place} belongs to {_user(found.st_uid)}"
        if stat.S_ISLNK(found.st_mode) or stat.S_ISCHR(found.st_mode):  # /dev/null, as a folder for no files
            continue
        if stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX and not (last and new_files):
            continue
        if found.st_mode & stat.S_IWOTH or (
            found.st_mode & stat.S_IWGRP and not _is_private_group(found.st_gid)
        ):
            return f"other users can write to {place}"
    return None


def remedy(why: str) -> str:
    """What helps against such a weakness."""
    place = why.rpartition(" can write to ")[2]
    return f"chmod go-w {shlex.quote(place)}" if place != why else "Check who owns it."


def _trusted(owners: Collection[int]) -> frozenset[int]:
    """Empty where files have no owner."""
    return frozenset({os.geteuid(), 0, *owners}) if hasattr(os, "geteuid") else frozenset()


def _chain(path: Path) -> Iterator[tuple[Path, bool]]:
    """The path as it is spelled and with links followed, with all folders above; and whether it is the path itself."""
    try:
        spellings = (os.path.abspath(path), os.path.realpath(path))  # noqa: PTH100 - `..` taken off
    except OSError:  # a relative path, and the working folder is gone
        return
    seen = set()
    for spelling in spellings:
        top = Path(spelling)
        for place in (top, *top.parents):
            if place not in seen:
                seen.add(place)
                yield place, place == top


def _lstat(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except (OSError, ValueError):
        return None


@functools.cache
def _is_private_group(group: int) -> bool:
    """Whether it is the user's own group, of the same name and without other members, as many systems create one."""
    import grp
    import pwd

    try:
        user, known = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
    except KeyError:
        return False
    return (
        known.gr_gid == user.pw_gid and known.gr_name == user.pw_name and set(known.gr_mem) <= {user.pw_name}
    )


def _user(number: int) -> str:
    import pwd

    try:
        return f"the user {pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"the user with the number {number}"

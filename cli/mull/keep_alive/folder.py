"""Where servers listen: a folder for this user alone, and in it a socket, a record, a lock and a log for each server.

In: the state folder, a server's key. Out: paths. Raises MullError (keep_alive_unsafe) where others could reach what is
there: whoever can write to the folder can answer in a server's place, and whoever can open the socket reads along.
"""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import tempfile
from pathlib import Path

from mull.dataclass import dataclass
from mull.errors import MullError
from mull.fs import ownership, paths

FOLDER = "kept"
HAS_UNIX_SOCKETS = hasattr(socket, "AF_UNIX") and os.name == "posix"
LONGEST_SOCKET = (
    100  # bytes of a path: the address of a Unix socket has 104 on macOS and the BSDs, 108 on Linux
)
_KEY_LENGTH = 16  # characters of a server's key


@dataclass(frozen=True, slots=True)
class Place:
    """The files of one server. `socket` is in another folder where its path would be too long."""

    key: str
    folder: Path
    socket: Path

    @property
    def record(self) -> Path:
        return self.folder / f"{self.key}.json"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.key}.log"


def kept_folder() -> Path:
    """The folder of all servers' files. It may not exist."""
    return paths.state_dir().absolute() / FOLDER


def place(key: str) -> Place:
    """The files of the server with this key, their folders created. Raises MullError (keep_alive_unsafe), OSError."""
    folder = kept_folder()
    make_private(folder)
    path = folder / f"{key}.sock"
    if len(os.fsencode(path)) > LONGEST_SOCKET:
        short = _short_folder(folder)
        make_private(short)
        path = short / path.name
    return Place(key, folder, path)


def check_private(folder: Path) -> None:
    """Raise MullError (keep_alive_unsafe) unless it is a folder of this user that others can neither read nor write."""
    why = ownership.weakness(folder) or ownership.foreign(folder)
    found = folder.lstat()
    if why is None and not stat.S_ISDIR(found.st_mode):
        why = f"{folder} is not a folder"
    if why is None and hasattr(os, "geteuid") and found.st_uid != os.geteuid():
        why = f"{folder} belongs to another user"
    if why is None and os.name == "posix" and found.st_mode & 0o077:
        why = f"other users can open {folder}"
    if why is not None:
        raise MullError(
            "keep_alive_unsafe",
            f"The model is not kept loaded: {why}.",
            f"Remove that folder: mull makes it again. {ownership.remedy(why)}",
        )


def is_own_socket(path: Path) -> bool:
    """Whether there is a socket of this user at the path, and not a link or somebody else's file."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISSOCK(found.st_mode) and (not hasattr(os, "geteuid") or found.st_uid == os.geteuid())


def make_private(folder: Path) -> None:
    """Create the folder if missing. Raises as `check_private`, and OSError."""
    paths.private_dir(folder)
    check_private(folder)


def _short_folder(folder: Path) -> Path:
    """A folder with a short name in the temporary directory, one for each long one."""
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:_KEY_LENGTH]
    return Path(tempfile.gettempdir()) / f"mull-{name}"

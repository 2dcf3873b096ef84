"""What is known of a server that runs: one JSON file each, written by the server, with its time of change as last use.

In: the folder of the servers. Out: `KeptServer` values. A record is only believed in a private folder, and counts only
while its process runs. Raises OSError for a disk that refuses, MullError (keep_alive_unsafe) for a folder of others.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, field, fields
from pathlib import Path
from typing import Any

from mull.dataclass import dataclass
from mull.fs.atomic import write_atomic
from mull.fs.json_text import read_json
from mull.fs.lock import locked
from mull.keep_alive import folder, process

_LONGEST = 1 << 16  # bytes of a record
_LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class KeptServer:
    """A server. `started`: the process's identity. `since` in Unix seconds; `keep_alive` in seconds.

    `settings`: those that its model is loaded with, without those that are unset. `token`: what a request must carry
    where the server listens on a port.
    """

    key: str
    model: str
    reference: str
    path: str
    pid: int
    started: str
    version: str
    address: str
    since: float
    keep_alive: float
    settings: Mapping[str, Any] = field(default_factory=dict)
    token: str = ""

    @property
    def settings_text(self) -> str:
        """The settings in words, to tell apart two servers of one model: `ctx 512, flash_attention off`."""
        words = {True: "on", False: "off"}
        shown = (
            f"{name} {words[value] if isinstance(value, bool) else value}"
            for name, value in self.settings.items()
        )
        return ", ".join(shown)

    @property
    def state(self) -> process.State:
        return process.state(self.pid, self.started)

    @property
    def file(self) -> Path:
        return folder.kept_folder() / f"{self.key}.json"

    @property
    def used(self) -> float:
        """When a request last began or ended, in Unix seconds."""
        with suppress(OSError):
            return max(self.file.stat().st_mtime, self.since)
        return self.since

    @property
    def until(self) -> float:
        """When it leaves, if no request comes."""
        return self.used + self.keep_alive


def write(server: KeptServer) -> None:
    """Store the record. Raises OSError."""
    write_atomic(server.file, json.dumps(asdict(server), indent=1))


def touch(server: KeptServer) -> None:
    """Mark the server as used now."""
    with suppress(OSError):
        os.utime(server.file)


def read(key: str) -> KeptServer | None:
    """The record of the server with this key, whether it runs or not."""
    return _read(folder.kept_folder() / f"{key}.json")


def forget(server: KeptServer) -> None:
    """Remove what a server that has ended left behind: its record and its socket, unless another has replaced them."""
    now = read(server.key)
    if now is not None and (now.pid, now.started) != (server.pid, server.started):
        return
    with suppress(OSError):
        server.file.unlink()
    if server.address.startswith("/"):
        socket = Path(server.address)
        with suppress(OSError):
            socket.unlink()
            if socket.parent != server.file.parent:
                socket.parent.rmdir()  # unless others are in it


def running() -> list[KeptServer]:
    """The servers that run or are stopped, the oldest first. What others have left behind is removed."""
    found = []
    for server in _all():
        if server.state == "gone":
            forget(server)
        else:
            found.append(server)
    _remove_locks({server.key for server in found})
    return sorted(found, key=lambda server: server.since)


def _remove_locks(keys: Collection[str]) -> None:
    """Remove locks and logs that servers which were killed have left: those that nothing holds. `keys`: of the rest."""
    where = folder.kept_folder()
    for path in where.glob(f".*{_LOCK}"):
        key = path.name.removeprefix(".").removesuffix(_LOCK)
        if key not in keys:
            with suppress(OSError), locked(where / key, wait=0, remove=True):
                (where / f"{key}.log").unlink(missing_ok=True)


def _all() -> Iterator[KeptServer]:
    where = folder.kept_folder()
    if not where.is_dir():
        return
    folder.check_private(where)
    for path in sorted(where.glob("*.json")):
        server = _read(path)
        if server is not None and server.key == path.stem:
            yield server


def _read(path: Path) -> KeptServer | None:
    try:
        values = read_json(path, most=_LONGEST)
        if not isinstance(values, dict):
            return None
        server = KeptServer(**{one.name: values[one.name] for one in fields(KeptServer)})
    except (OSError, ValueError, KeyError):
        return None
    return server if _is_valid(server) else None


def _is_valid(server: KeptServer) -> bool:
    texts = (server.key, server.model, server.reference, server.path, server.started)
    more = (server.version, server.address, server.token)
    numbers = (server.pid, server.since, server.keep_alive)
    return (
        all(isinstance(text, str) for text in (*texts, *more))
        and all(isinstance(number, int | float) for number in numbers)
        and isinstance(server.pid, int)
        and server.pid > 1
        and isinstance(server.settings, dict)
    )

"""End servers: one, those of another version of mull, or all.

In: records. Out: nothing runs any more, and nothing is left behind. A server gets some seconds to finish; then it is
ended by force.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from mull import __version__
from mull.errors import MullError
from mull.keep_alive import process, record
from mull.keep_alive.client import Gone, KeptClient, Silent
from mull.keep_alive.record import KeptServer

PATIENCE = 5.0  # seconds that a server has to end by itself


def stop(server: KeptServer, patience: float = PATIENCE) -> bool:
    """End the server; whether it has ended."""
    ended = process.end(server.pid, server.started, patience)
    if ended:
        record.forget(server)
    return ended


def named(name: str) -> list[KeptServer]:
    """The servers of a model, by its name, what `-m` takes for it, or its path; or one, by its process id.

    Raises MullError (not_loaded).
    """
    running = record.running()
    wanted = name.lower()
    found = [one for one in running if wanted in {one.model.lower(), one.reference.lower(), one.path.lower()}]
    found = found or [one for one in running if wanted == str(one.pid)]
    if not found:
        raise MullError("not_loaded", f"{name} is not kept loaded.", "mull ps lists what is.")
    return found


def stop_removed(model: str) -> None:
    """End the servers of a model whose file was removed: the disk has its space back only then."""
    with suppress(MullError):
        for server in record.running():
            if server.model == model:
                stop(server, patience=1.0)


def stop_other_versions(path: str) -> None:
    """End the servers that another version of mull has left for this model file. One that answers a call is left
    alone."""
    others: Sequence[KeptServer] = record.running()
    for server in others:
        if server.version != __version__ and server.path == path and not is_busy(server):
            stop(server, patience=1.0)


def is_busy(server: KeptServer) -> bool:
    """Whether it answers a call, as far as it says."""
    if server.state == "stopped":
        return False
    with suppress(Gone, Silent, MullError, KeyError, TypeError, ValueError):
        return KeptClient.of(server).status().waiting > 0
    return False

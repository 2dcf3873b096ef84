"""The server process: `python -m mull.keep_alive.child KEY SOCKET MODEL`, started by `starting.py`.

In: a `ServerSpec` as JSON on stdin. Out: a server on the socket, and its record, until no request has come for the
time, or SIGTERM; then nothing of it is left. It ends at once where another server for the key runs, or where the model
is another file than the caller's. What it prints goes to its log.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mull import __version__
from mull.errors import MullError
from mull.fs.lock import FileInUse, locked
from mull.keep_alive import folder, process, record
from mull.keep_alive.idle import IdleTimer
from mull.keep_alive.record import KeptServer
from mull.keep_alive.spec import ServerSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from mull.keep_alive.serving import KeptModel

LOCK_SECONDS = 3.0  # another server for this key may be leaving
FAILED_SECONDS = 2.0  # after a load that failed, until those who wait for it have seen why


def main() -> None:
    """Entry point."""
    key, path = sys.argv[1], Path(sys.argv[2])
    spec = ServerSpec.from_json(sys.stdin.read())
    os.umask(0o077)
    for number in ("SIGINT", "SIGHUP"):  # those of a terminal
        if hasattr(signal, number):
            signal.signal(getattr(signal, number), signal.SIG_IGN)
    try:
        with locked(folder.kept_folder() / key, wait=LOCK_SECONDS, remove=True):
            _serve(key, path, spec)
    except FileInUse:  # then that one answers
        sys.exit(0)
    except (MullError, OSError) as error:
        sys.exit(str(error))


def _serve(key: str, path: Path, spec: ServerSpec) -> None:
    from mull.backends.open import open_backend
    from mull.keep_alive.room import make_room, memory_fits
    from mull.keep_alive.serving import KeptModel, Server
    from mull.models.resolve import find

    resolved = find(spec.reference, folders=spec.folders)
    if resolved.path.absolute() != spec.path:
        sys.exit(f"{spec.reference} is another file now: {resolved.path}")
    backend = open_backend(resolved, spec.engine, folders=spec.folders, prompt_cache=spec.prompt_cache)
    with ExitStack() as stack:
        listening, token = _listen(path)
        stack.callback(listening.close)
        server = KeptServer(
            key=key,
            model=resolved.name,
            reference=spec.reference,
            path=str(spec.path),
            pid=os.getpid(),
            started=process.identity(os.getpid()) or "",
            version=__version__,
            address=_address(listening, path),
            since=time.time(),
            keep_alive=spec.keep_alive,
            settings=spec.settings if spec.prompt_cache else {**spec.settings, "prefix_cache": False},
            token=token,
        )
        record.write(server)
        stack.callback((folder.kept_folder() / f"{key}.log").unlink, missing_ok=True)
        stack.callback(record.forget, server)

        def used(seconds: float) -> None:
            nonlocal server
            if seconds != server.keep_alive:
                server = replace(server, keep_alive=seconds)
                with suppress(OSError):
                    record.write(server)
            record.touch(server)

        idle = IdleTimer(spec.keep_alive, used)
        signal.signal(signal.SIGTERM, lambda *_: idle.end())
        model = KeptModel(backend, idle)
        stack.callback(_close, model)
        room = partial(make_room, key, memory_fits(spec.path, spec.engine))
        http = Server(listening, model, token)
        threading.Thread(target=http.serve_forever, name="mull-accept", daemon=True).start()
        stack.callback(http.shutdown)
        threading.Thread(target=_load, args=(model, idle, room), name="mull-keep", daemon=True).start()
        idle.wait()


def _close(model: KeptModel) -> None:
    if not model.close():
        os._exit(1)  # the record and the socket are found to be stale


def _load(model: KeptModel, idle: IdleTimer, prepare: Callable[[], None]) -> None:
    with idle.request():
        model.load(prepare)
    if model.failure is not None:
        time.sleep(FAILED_SECONDS)
        idle.end()


def _listen(path: Path) -> tuple[socket.socket, str]:
    """A listening socket that only this user can reach, and the token that requests must carry (Windows)."""
    if not folder.HAS_UNIX_SOCKETS:
        listening = socket.create_server(("127.0.0.1", 0))
        return listening, os.urandom(24).hex()
    if path.parent != folder.kept_folder():  # a server that left has removed it
        folder.make_private(path.parent)
    with suppress(FileNotFoundError):
        path.unlink()  # of a server that was killed: the lock says that none runs
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen(128)
    return listening, ""


def _address(listening: socket.socket, path: Path) -> str:
    return str(path) if folder.HAS_UNIX_SOCKETS else f"http://127.0.0.1:{listening.getsockname()[1]}"


if __name__ == "__main__":
    main()

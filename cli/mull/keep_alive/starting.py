"""Start a server process that outlives this one, its terminal and its signals.

In: a spec and a place. Out: a `Starting`, which tells whether the process has given up. The server itself takes the
lock of its key for as long as it lives: of two that were started at once, the second ends at once.
Raises OSError where no process can be started.
"""

from __future__ import annotations

import os
import subprocess
import sys

from mull.fs.atomic import PRIVATE
from mull.keep_alive.folder import Place
from mull.keep_alive.spec import ServerSpec

# -P: never import a file from the working directory.
COMMAND = ("-P", "-X", "utf8", "-m", "mull.keep_alive.child")
_WINDOWS = 0x00000008 | 0x00000200  # DETACHED_PROCESS, CREATE_NEW_PROCESS_GROUP


_started: list[subprocess.Popen[bytes]] = []
"""Referenced for as long as this process lives: Python warns of a running child that is forgotten."""


class Starting:
    """A server process that was started a moment ago."""

    def __init__(self, spec: ServerSpec, place: Place) -> None:
        log = os.open(
            place.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), PRIVATE
        )
        try:
            self._process = subprocess.Popen(
                [sys.executable, *COMMAND, place.key, str(place.socket), spec.reference],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=os.path.abspath(os.sep),  # it holds no folder of the user's in use  # noqa: PTH100
                start_new_session=True,  # neither Ctrl+C nor the end of the terminal is for it
                creationflags=_WINDOWS if sys.platform == "win32" else 0,
            )
        finally:
            os.close(log)
        _started.append(self._process)
        pipe = self._process.stdin
        assert pipe is not None
        try:
            pipe.write(spec.to_json().encode())
            pipe.close()
        except OSError:  # it has ended already
            pass

    @property
    def ended(self) -> bool:
        """The process is gone: it gave up, or another server for this key runs."""
        return self._process.poll() is not None

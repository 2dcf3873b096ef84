"""Show long text in the user's pager.

In: lines drawn for the terminal's width. Out: they are shown by $PAGER, else by less or what the system has; if stdout
is not a terminal, they are written to it. Unless LESS is set, less passes colours and quits if one screen suffices.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from mull.terminal.console.streams import Streams


def page(streams: Streams, lines: Sequence[str]) -> None:
    """Show the lines; returns when the user leaves the pager."""
    text = "".join(f"{line}\n" for line in lines)
    if not streams.stdout_live:
        streams.stdout.write(text)
        return
    import pydoc

    os.environ.setdefault("LESS", "FRX")
    pydoc.pager(text)

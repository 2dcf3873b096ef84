"""Long text in the user's pager.

In: lines drawn for the terminal's width. Out: $PAGER, else less or what the system has, shows them; where stdout is no
terminal they are written as they are. Less is told to let colours through and to step aside for a single screen,
unless LESS says what the user wants of it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from mull.terminal.console.streams import Streams


def page(streams: Streams, lines: Sequence[str]) -> None:
    """Show the lines; returns when the user has read enough."""
    text = "".join(f"{line}\n" for line in lines)
    if not streams.stdout_live:
        streams.stdout.write(text)
        return
    import pydoc

    os.environ.setdefault("LESS", "FRX")
    pydoc.pager(text)

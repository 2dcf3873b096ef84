"""`mull doctor`: what this machine and this build of llama.cpp can do, what was switched off and why, and the fix."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from mull.commands._options import Json
from mull.errors import ExitCode
from mull.terminal.console.streams import Streams
from mull.terminal.console.tables import card

if TYPE_CHECKING:
    from mull.engine.diagnostics import Diagnosis

GIB = 1 << 30


def doctor(context: typer.Context, json: Json = False) -> None:
    """Check this machine and this build of llama.cpp.

    Shows what they can do, what was switched off and why, and how to mend what is wrong.
    """
    from mull.engine.diagnostics import diagnose
    from mull.terminal.views.json_output import write_object

    streams: Streams = context.obj
    found = diagnose()
    if json:
        write_object(streams, {"v": 1, **asdict(found)})
    else:
        card(streams, rows(found))
    raise typer.Exit(ExitCode.OK if found.healthy else ExitCode.FAILURE)


def rows(found: Diagnosis) -> list[tuple[str, str]]:
    """The findings as label and value."""
    named = [
        ("mull", f"{found.mull}, Python {found.python}"),
        ("System", found.system),
        ("CPU", found.cpu),
        ("CPU can", " ".join(found.cpu_features) or "unknown"),
        ("llama.cpp", f"{found.llama or 'unknown version'}, {found.library or 'not found'}"),
        ("Compiled in", " ".join(found.compiled_in) or "unknown"),
        ("Not used", " ".join(found.unused) or "nothing"),
        ("Threads", str(found.threads)),
    ]
    for device in found.devices:
        memory = f"{device.memory_free / GIB:.1f} of {device.memory_total / GIB:.1f} GiB free"
        named.append(("Device", f"{device.name}: {device.description}, {memory}"))
    named += [(name, place) for name, place in found.places.items()]
    named.append(("Self-check", found.verdict))
    if found.fix:
        named.append(("Fix", found.fix))
    return named

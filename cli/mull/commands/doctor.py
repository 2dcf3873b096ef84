"""`mull doctor`: what this machine and this build of llama.cpp support, the self-check, and the fix.

Exits with 1 when llama.cpp cannot be used.
"""

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

    Shows which CPU features and devices llama.cpp uses, the result of the self-check, and a command that fixes what is
    wrong.
    """
    from mull.engine.diagnostics import diagnose
    from mull.terminal.views.json_output import write_object

    streams: Streams = context.obj
    found = diagnose()
    if json:
        write_object(streams, {"v": 1, **asdict(found)})
    else:
        card(streams, _rows(found))
    raise typer.Exit(ExitCode.OK if found.healthy else ExitCode.FAILURE)


def _rows(found: Diagnosis) -> list[tuple[str, str]]:
    """The findings as pairs of label and value."""
    facts = [
        ("mull", f"{found.mull}, Python {found.python}"),
        ("System", found.system),
        ("CPU", found.cpu),
        ("CPU features", " ".join(found.cpu_features) or "unknown"),
        ("llama.cpp", f"{found.llama or 'unknown version'}, {found.library or 'not found'}"),
        ("Compiled in", " ".join(found.compiled_in) or "unknown"),
        ("Not compiled in", " ".join(found.unused) or "nothing"),
        ("Threads", str(found.threads)),
    ]
    for device in found.devices:
        memory = f"{device.memory_free / GIB:.1f} of {device.memory_total / GIB:.1f} GiB free"
        facts.append(("Device", f"{device.name}: {device.description}, {memory}"))
    facts += [(name, place) for name, place in found.places.items()]
    facts.append(("Self-check", found.verdict))
    if found.fix:
        facts.append(("Fix", found.fix))
    return facts

"""`mull doctor`: what this machine and this build of llama.cpp support, the self-check, and the fix.

Exits with 1 when llama.cpp cannot be used.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from mull.commands._options import Json
from mull.errors import ExitCode
from mull.terminal.console.sanitize import one_line
from mull.terminal.console.streams import Streams
from mull.terminal.console.style import Styled
from mull.terminal.console.tables import card

if TYPE_CHECKING:
    from mull.endpoints.probe import Report
    from mull.engine.diagnostics.cards import Card
    from mull.engine.diagnostics.diagnose import Diagnosis
    from mull.engine.native.devices import Device

GIB = 1 << 30
ENDPOINT_SECONDS = 1.0
_SPELLED = {"cuda": "CUDA", "vulkan": "Vulkan", "hip": "ROCm (HIP)", "sycl": "SYCL", "metal": "Metal"}
_STYLES = {
    **dict.fromkeys(("Not safe", "Refused", "Fallback", "Unused card"), "warning"),
    "Fix": "bold accent",
}

ClearVerdicts = Annotated[
    bool,
    typer.Option(
        "--clear-verdicts", help="Forget the results of earlier checks of llama.cpp and of model files."
    ),
]


def doctor(context: typer.Context, json: Json = False, clear_verdicts: ClearVerdicts = False) -> None:
    """Check this machine and this build of llama.cpp.

    Shows which CPU features and devices llama.cpp uses, graphics cards that another build would use, the result of the
    self-check, and a command that fixes what is wrong. A model file that crashed llama.cpp is refused for a week, or
    until mull or llama.cpp changes; such files are listed, and --clear-verdicts lets them be checked again at once.
    Endpoints have a second to answer.
    """
    from mull.engine.diagnostics import diagnose
    from mull.terminal.views.json_output import write_object

    streams: Streams = context.obj
    if clear_verdicts:
        count = diagnose.clear_verdicts()
        streams.note(f"{count} stored result{'' if count == 1 else 's'} removed.")
    found, endpoints = diagnose.diagnose(), _endpoints()
    if json:
        answers = [{"name": one.endpoint.name, "answers": one.server is not None} for one in endpoints]
        write_object(streams, {"v": 1, **asdict(found), "endpoints": answers})
    else:
        card(
            streams,
            [
                (name, Styled(value, _STYLES.get(name, "")))
                for name, value in (*_rows(found), *map(_endpoint_row, endpoints))
            ],
            "This machine",
        )
    raise typer.Exit(ExitCode.OK if found.healthy else ExitCode.FAILURE)


def _endpoints() -> list[Report]:
    """Whether the endpoints answer; those that take longer than a second do not."""
    from mull.config import read_config
    from mull.control import TurnControl, stop_on_interrupt
    from mull.endpoints.probe import probe
    from mull.errors import MullError

    try:
        endpoints = [*read_config().endpoints.values()]
    except MullError:  # what reads it next says what is wrong
        return []
    if not endpoints:
        return []
    control = TurnControl()
    with stop_on_interrupt(control):
        return probe(endpoints, control, seconds=ENDPOINT_SECONDS)


def _endpoint_row(report: Report) -> tuple[str, str]:
    if report.server is None:
        why = report.error.message if report.error else "It does not answer."
        return "Endpoint", f"{report.endpoint.name}: {why}"
    kind = "a server" if report.server.kind == "other" else report.server.kind
    return "Endpoint", f"{report.endpoint.name}: {kind} answers, {report.endpoint.url}"


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
    facts += [("Device", f"{one.name}: {one.description}, {_memory(one)}") for one in found.devices]
    facts += [("Unused card", one_line(_advice(card))) for card in found.unused_cards]
    facts += [(name, place) for name, place in found.places.items()]
    facts += [("Not safe", why) for why in found.weaknesses]
    facts.append(("Self-check", found.verdict))
    facts.append(("Model files", _files(found)))
    for verdict in found.verdicts:
        if not verdict["ok"]:
            day = datetime.fromtimestamp(verdict["time"]).astimezone().date()
            facts.append(
                (
                    "Refused" if "kinds" in verdict else "Fallback",
                    one_line(f"{verdict.get('subject')} ({day}: {verdict.get('reason')})"),
                )
            )
    if found.fix:
        facts.append(("Fix", found.fix))
    return facts


def _memory(device: Device) -> str:
    total = f"{device.memory_total / GIB:.1f} GiB"
    if not device.memory_free:
        return f"{total}, free memory not reported"
    return f"{device.memory_free / GIB:.1f} of {total} free"


def _advice(card: Card) -> str:
    where = f" ({card.id})" if card.id else ""
    if card.problem:
        return f"{card.name}{where}: {card.problem}"
    builds = " or ".join(_SPELLED.get(build, build) for build in card.builds)
    return f"{card.name}{where}: a {builds} build of llama.cpp would use it"


def _files(found: Diagnosis) -> str:
    files = [verdict["ok"] for verdict in found.verdicts if "kinds" in verdict]
    return f"{sum(files)} checked and fine, {len(files) - sum(files)} refused"

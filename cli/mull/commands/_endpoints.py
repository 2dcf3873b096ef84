"""What the commands around endpoints share: finding one by name or URL, and its report as rows and JSON.

A server's words are untrusted: tables and cards sanitize them, JSON escapes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mull.config import Config
from mull.config.endpoints import unknown_endpoint
from mull.control import TurnControl, stop_on_interrupt
from mull.endpoints import url
from mull.endpoints.address import parse
from mull.endpoints.endpoint import Endpoint
from mull.endpoints.kind import ServedModel
from mull.endpoints.known_models import remember
from mull.endpoints.probe import Report, probe
from mull.errors import MullError
from mull.terminal.console.quantities import counted
from mull.terminal.console.streams import Streams
from mull.terminal.console.style import Styled

THINKS = {True: "yes", False: "no", None: ""}
SHOWN = 4  # models of an endpoint that a list of endpoints names


def endpoint_of(text: str, config: Config) -> Endpoint:
    """The endpoint of that name or URL, with or without the `@`. Raises MullError (unknown_endpoint), UsageError."""
    name = text.strip().removeprefix("@")
    if url.is_url(name) and (address := parse(f"@{name}", config.endpoints)):
        return address.endpoint
    if name not in config.endpoints:
        raise unknown_endpoint(name, config.endpoints)
    return config.endpoints[name]


def row(report: Report) -> tuple[object, ...]:
    """An endpoint as a row: name, whether it answers, kind, models, URL."""
    endpoint, server = report.endpoint, report.server
    if server is None:
        why = report.error.message.rstrip(".") if report.error else ""
        return endpoint.name, Styled("no", "error"), "", Styled(why, "muted"), endpoint.url
    return endpoint.name, Styled("yes", "good"), server.kind, named(report.models), endpoint.url


def named(models: Sequence[str]) -> str:
    """The first names of a list, and how many more there are."""
    more = len(models) - SHOWN
    shown = ", ".join(models[:SHOWN])
    return f"{shown} and {more} more" if more > 0 else shown or "none listed"


def as_json(report: Report) -> dict[str, Any]:
    """An endpoint as an object; its key is not part of it."""
    from mull.terminal.views.json_output import error_fields

    endpoint, server = report.endpoint, report.server
    return {
        "name": endpoint.name,
        "url": endpoint.url,
        "key_env": endpoint.key_env,
        "model": endpoint.model,
        "insecure": endpoint.insecure,
        "timeout": endpoint.timeout,
        "context": endpoint.context,
        "answers": server is not None,
        "kind": server.kind if server else None,
        "models": [model_json(model) for model in server.models] if server else [],
        "seconds": round(report.seconds, 3),
        "error": error_fields(report.error),
    }


def model_json(model: ServedModel) -> dict[str, Any]:
    """A model of an endpoint as an object."""
    return {"name": model.name, "context": model.context, "thinks": model.thinks}


def summary(report: Report) -> str:
    """A report as a sentence: what the endpoint is, or why it does not answer."""
    if report.server is None:
        return report.error.message if report.error else ""
    kind = "a server" if report.server.kind == "other" else report.server.kind
    models = report.models
    if not models:
        more = " Perhaps its URL leads elsewhere." if report.server.kind == "other" else ""
        return f"{report.endpoint.name} answers, but lists no models.{more}"
    return f"{report.endpoint.name} is {kind} with {counted(len(models), 'model')}: {named(models)}."


def list_models(streams: Streams, name: str, *, json: bool) -> None:
    """`mull models --endpoint NAME`: the models that an endpoint lists. Raises MullError where it does not answer."""
    from mull.config import read_config
    from mull.terminal.console.tables import Column, table
    from mull.terminal.views.json_output import write_object

    (report,) = probed([endpoint_of(name, read_config())])
    if report.server is None:
        raise report.error or MullError("connection_failed", f"{name} does not answer.")
    models = report.server.models
    if json:
        rows = [model_json(model) for model in models]
        write_object(streams, {"v": 1, "endpoint": as_json(report), "models": rows, "error": None})
    elif models:
        table(
            streams,
            (Column("Model"), Column("Context", 1, right=True), Column("Thinks", 2)),
            [
                (model.name, f"{model.context:,}" if model.context else "", THINKS[model.thinks])
                for model in models
            ],
        )
    else:
        streams.note(summary(report))


def probed(endpoints: Sequence[Endpoint]) -> list[Report]:
    """The reports on these endpoints. Raises Interrupted."""
    control = TurnControl()
    with stop_on_interrupt(control):
        reports = probe(endpoints, control)
    remember(reports)
    return reports

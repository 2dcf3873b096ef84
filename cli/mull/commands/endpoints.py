"""`mull endpoints`: list, add and remove servers with an OpenAI-compatible API, which -m MODEL@NAME then asks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from mull.commands._options import Json, completes
from mull.terminal.console.streams import Streams

if TYPE_CHECKING:
    from mull.endpoints.endpoint import Endpoint
    from mull.endpoints.probe import Report

app = typer.Typer(add_completion=False, rich_markup_mode=None)

NewName = Annotated[str, typer.Argument(metavar="NAME", help="What -m MODEL@NAME calls it.")]
Url = Annotated[
    str, typer.Argument(metavar="URL", help="The base of its API: http://HOST:PORT, with or without /v1.")
]
Names = Annotated[
    list[str],
    typer.Argument(metavar="NAME...", help="Names of endpoints.", autocompletion=completes("endpoint_names")),
]
KeyEnv = Annotated[
    str | None,
    typer.Option(
        "--key-env", metavar="VAR", help="The environment variable that holds its key; the key is not stored."
    ),
]
DefaultModel = Annotated[
    str | None,
    typer.Option("--model", metavar="MODEL", help="What -m @NAME means; unset: its only or first model."),
]
Insecure = Annotated[
    bool, typer.Option("--insecure", help="Let the key go over http:// to a public address.")
]
Context = Annotated[
    int | None,
    typer.Option(
        "--context", metavar="TOKENS", min=1, max=2**31 - 1, help="Its context, where it does not tell it."
    ),
]
Timeout = Annotated[
    int | None,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        min=1,
        max=86_400,
        help="How long an answer may take to begin, and then each piece of it.",
    ),
]
Replace = Annotated[
    bool, typer.Option("--replace", help="Take the place of an endpoint of that name, with all its settings.")
]


@app.callback()
def root() -> None:
    """List, add and remove servers with an OpenAI-compatible API.

    Such a server is an endpoint. Its models answer with -m MODEL@NAME; -m @NAME takes its default or first one, and -m
    MODEL@http://HOST:PORT/v1 one that was not added. Without a subcommand the endpoints are listed, with whether they
    answer.
    """


@app.command("list")
def listing(context: typer.Context, *, json: Json = False) -> None:
    """List the endpoints: whether they answer, what they are, their models."""
    from mull.commands import _endpoints
    from mull.config import read_config
    from mull.terminal.console.tables import Column, table
    from mull.terminal.views.json_output import write_object

    streams: Streams = context.obj
    found = _endpoints.probed([*read_config().endpoints.values()])
    if json:
        endpoints = [_endpoints.as_json(report) for report in found]
        write_object(streams, {"v": 1, "endpoints": endpoints, "error": None})
    elif found:
        heads = (Column("Endpoint"), Column("Answers"), Column("Kind", 1), Column("Models"), Column("URL", 2))
        table(streams, heads, [_endpoints.row(report) for report in found])
    else:
        streams.note("There is no endpoint. Add one: mull endpoints add NAME http://HOST:PORT/v1")


@app.command("add")
def add(
    context: typer.Context,
    name: NewName,
    url: Url,
    *,
    key_env: KeyEnv = None,
    model: DefaultModel = None,
    insecure: Insecure = False,
    context_: Context = None,
    timeout: Timeout = None,
    replace_: Replace = False,
    json: Json = False,
) -> None:
    """Add an endpoint to the config, and look whether it answers.

    It is added also while it does not answer.
    """
    from mull import config
    from mull.commands import _endpoints
    from mull.fs import paths
    from mull.terminal.views.json_output import write_object

    streams: Streams = context.obj
    path = paths.config_dir() / config.CONFIG_FILE
    new = config.new_endpoint(
        name, url, key_env, model=model, insecure=insecure, context=context_, timeout=timeout
    )
    if not replace_:
        config.check_free(config.load(path).endpoints, name)
    report = _completed(new)
    if report.error is not None and report.error.code == "insecure_endpoint":
        raise report.error
    config.save_endpoint(path, report.endpoint, replace=replace_)
    if json:
        write_object(streams, {"v": 1, "endpoint": _endpoints.as_json(report), "error": None})
        return
    streams.note(f"Added {name}: {report.endpoint.url}")
    streams.note(_endpoints.summary(report))
    if report.error is not None and report.error.hint:
        streams.note(report.error.hint)
    if model and report.models and model not in report.models:
        streams.note(f"It does not list {model}.")


@app.command("rm")
def rm(context: typer.Context, names: Names) -> None:
    """Remove endpoints from the config."""
    from mull import config
    from mull.fs import paths

    streams: Streams = context.obj
    path = paths.config_dir() / config.CONFIG_FILE
    for name in names:
        config.save_value(path, f"endpoints.{name}", None)
        streams.note(f"Removed {name}.")


def _completed(endpoint: Endpoint) -> Report:
    """The report on a new endpoint, whose URL gets a `/v1` at its end where only that leads to models."""
    from mull.commands._endpoints import probed

    (report,) = probed([endpoint])
    if report.models or endpoint.url.endswith("/v1"):
        return report
    (other,) = probed([replace(endpoint, url=f"{endpoint.url}/v1")])
    return other if other.models else report

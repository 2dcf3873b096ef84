"""`mull serve`: an OpenAI-compatible API on this machine, for models that stay loaded."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mull.commands._keep_alive import duration
from mull.commands._lora import Lora
from mull.commands._options import (
    ChatTemplate,
    Ctx,
    Device,
    Draft,
    GpuLayers,
    KvType,
    NoDraft,
    Quiet,
    Threads,
    TurnFlags,
    completes,
)
from mull.errors import ExitCode, UsageError
from mull.settings import MAX_PARALLEL, Duration, ParallelSettings, Sampling
from mull.terminal.console.streams import Streams

if TYPE_CHECKING:
    import socket

    from mull.backends.base import ChatBackend
    from mull.backends.rpc.addresses import Workers
    from mull.commands._run_config import RunConfig
    from mull.config import Config

ADDRESS, LIMITS, MACHINES = "Address and access", "Requests", "Several machines"

Models = Annotated[
    list[str] | None,
    typer.Option(
        "-m",
        "--model",
        metavar="NAME",
        help="A model to serve (repeatable); of several, each is loaded with its first request.",
        autocompletion=completes("installed_models"),
        show_default=False,
    ),
]
Host = Annotated[
    str,
    typer.Option(
        "--host",
        metavar="ADDRESS",
        help="The address to listen on; one that other machines can reach needs --api-key-env.",
        rich_help_panel=ADDRESS,
    ),
]
Port = Annotated[
    int,
    typer.Option(
        "--port",
        metavar="N",
        min=0,
        max=65_535,
        help="The port; 0 finds a free one.",
        rich_help_panel=ADDRESS,
    ),
]
Socket = Annotated[
    Path | None,
    typer.Option(
        "--socket",
        metavar="PATH",
        help="Listen on a Unix socket instead, which only you can reach.",
        show_default=False,
        rich_help_panel=ADDRESS,
    ),
]
ApiKeyEnv = Annotated[
    str | None,
    typer.Option(
        "--api-key-env",
        metavar="VAR",
        help="Require the key that this environment variable holds.",
        show_default=False,
        rich_help_panel=ADDRESS,
    ),
]
Parallel = Annotated[
    int | None,
    typer.Option(
        "--parallel",
        metavar="N",
        min=1,
        max=MAX_PARALLEL,
        help="Number of requests to answer at a time. Unset: as many as are fast here.",
        show_default=False,
        rich_help_panel=LIMITS,
    ),
]
KeepAlive = Annotated[
    Duration | None,
    typer.Option(
        "--keep-alive",
        metavar="TIME",
        parser=duration,
        help="End after this time without a request, for example 5m. Unset: never.",
        show_default=False,
        rich_help_panel=LIMITS,
    ),
]
Log = Annotated[
    bool,
    typer.Option(
        "--log",
        help="Print a line for each request also where stderr is no terminal.",
        rich_help_panel=LIMITS,
    ),
]
Rpc = Annotated[
    str | None,
    typer.Option(
        "--rpc",
        metavar="HOST:PORT,…",
        help="Compute one model with the workers of other machines (mull worker), which get it unencrypted.",
        show_default=False,
        rich_help_panel=MACHINES,
    ),
]
_PATIENCE = Duration("60s")
RpcTimeout = Annotated[
    Duration,
    typer.Option(
        "--rpc-timeout",
        metavar="TIME",
        parser=duration,
        help="Give up a computation after this time without a sign of life.",
        rich_help_panel=MACHINES,
    ),
]


def serve(
    context: typer.Context,
    model: Models = None,
    host: Host = "127.0.0.1",
    port: Port = 8484,
    socket_path: Socket = None,
    api_key_env: ApiKeyEnv = None,
    parallel: Parallel = None,
    keep_alive: KeepAlive = None,
    log: Log = False,
    rpc: Rpc = None,
    rpc_timeout: RpcTimeout = _PATIENCE,
    ctx: Ctx = None,
    threads: Threads = None,
    gpu_layers: GpuLayers = None,
    device: Device = None,
    kv_type: KvType = None,
    lora: Lora = None,
    draft: Draft = None,
    no_draft: NoDraft = False,
    chat_template: ChatTemplate = None,
    quiet: Quiet = False,
) -> None:
    """Serve models over an OpenAI-compatible HTTP API.

    Models stay loaded, prompts are cached in memory, and requests are decoded in parallel. Fields of a request that
    mull does not have are named in the response's header x-mull-ignored.
    """
    from mull.commands._run_config import run_config
    from mull.config import read_config
    from mull.server import listen
    from mull.server.guard import Rules

    streams: Streams = context.obj
    workers = _workers(rpc, rpc_timeout, model or [])
    key = _key(api_key_env)
    if socket_path is not None:
        _refuse_address(context)
    local = socket_path is not None or listen.is_local(host)
    if not local and key is None:
        raise UsageError(
            "key_needed",
            f"Other machines can reach {host}, so a key is needed.",
            "Put one into an environment variable and name it: --api-key-env MULL_API_KEY.",
        )
    flags = TurnFlags(
        threads=threads, gpu_layers=gpu_layers, device=device, kv_type=kv_type, ctx=ctx, lora=lora,
        draft=draft, no_draft=no_draft, chat_template=chat_template,
    )  # fmt: skip
    config = read_config()
    run = run_config(flags, config).announced(streams, quiet=quiet)
    defaults: dict[str, Sampling] = {}
    with ExitStack() as stack:
        models = _open(model or [], run, config, defaults, ParallelSettings(parallel), workers, stack)
        opened = listen.unix(socket_path) if socket_path is not None else listen.tcp(host, port)
        listening = stack.enter_context(opened)
        if workers is not None:
            _try(workers)
        from mull.server.run import ServerOptions
        from mull.server.run import serve as run_server

        if not quiet:
            _say_where(
                [backend.name for backend, _ in models], listening, host, socket_path, api_key_env, streams
            )
            if workers is not None:
                streams.note(
                    f"It computes with {', '.join(workers.addresses)}; nothing is encrypted on the way."
                )
        options = ServerOptions(
            Rules(key, local=local and socket_path is None, host=host.lower()),
            keep_alive.seconds or None if keep_alive is not None else None,
            log=streams.note if log or (streams.stderr_tty and not quiet) else lambda _: None,
            note=streams.note if not quiet else lambda _: None,
            defaults=defaults,
        )
        by_signal = run_server(models, listening, options)
    raise typer.Exit(ExitCode.INTERRUPTED if by_signal else ExitCode.OK)


def _open(
    names: Sequence[str],
    run: RunConfig,
    config: Config,
    defaults: dict[str, Sampling],
    parallel: ParallelSettings,
    workers: Workers | None,
    stack: ExitStack,
) -> list[tuple[ChatBackend, frozenset[str]]]:
    """A backend for each model, not loaded yet, and the names by which requests may call it.

    `defaults` gets the sampling that the config has for a model alone, by the backend's name.
    """
    from mull.commands._recommend import BeyondPebble

    opened: dict[str, tuple[ChatBackend, frozenset[str]]] = {}
    wanted: list[str | None] = [*names] or [None]
    for name in wanted:
        resolved = run.model.resolve(name)
        if resolved.chosen_by == "builtin":
            raise BeyondPebble("requests of a server")
        _ = resolved.file  # raises for a model of an endpoint, which is served already
        aliases = set(config.table_names(resolved.names)) & config.aliases.keys()
        called = {resolved.name, *aliases, *((name,) if name else ())}
        if (same := opened.get(resolved.name)) is not None:
            opened[resolved.name] = (same[0], same[1] | called)
            continue
        backend = stack.enter_context(closing(run.open_backend(resolved, parallel, workers)))
        opened[resolved.name] = (backend, frozenset(called))
        own = config.of_model(resolved.names)
        defaults[backend.name] = Sampling(**{f.name: own.get(f.name) for f in fields(Sampling)})
    return list(opened.values())


def _workers(text: str | None, timeout: Duration, names: Sequence[str]) -> Workers | None:
    if text is None:
        return None
    from mull.backends.rpc.addresses import Workers, workers

    found = workers(text)
    if len(set(names)) > 1:
        raise UsageError(
            "conflicting_options",
            f"--rpc computes one model, not {len(set(names))}.",
            "A worker serves one client: start a server for each model, with workers for each.",
        )
    if timeout.seconds < 1:
        raise UsageError("usage_error", "--rpc-timeout is a second or more.", "For example: 60s or 2m.")
    return Workers(found, timeout.seconds)


def _try(workers: Workers) -> None:
    """Whether all workers answer, before the address is shown. Raises MullError with what is wrong with each."""
    from mull.backends.rpc.handshake import greet_all
    from mull.engine.native import rpc

    rpc.require()
    greet_all(workers.addresses)


def _refuse_address(context: typer.Context) -> None:
    """A Unix socket has neither host nor port. Raises UsageError where one was given."""
    for name in ("host", "port"):
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError(
                "conflicting_options",
                f"--socket and --{name} exclude each other.",
                "Leave one of them out.",
            )


def _key(variable: str | None) -> str | None:
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise UsageError(
            "key_needed",
            f"The environment variable {variable} is empty.",
            f"For example: export {variable}=…",
        )
    return key


def _say_where(
    names: Sequence[str],
    listening: socket.socket,
    host: str,
    path: Path | None,
    key_variable: str | None,
    streams: Streams,
) -> None:
    """Two lines on stderr: the address, and a command to try it."""
    from mull.server.listen import address_of

    address = "http://localhost" if path is not None else address_of(listening, host)
    shown = f"unix:{path.absolute()}" if path is not None else f"{address}/v1"
    command: list[Any] = ["curl"]
    if path is not None:
        command += ["--unix-socket", shlex.quote(str(path))]
    command += [f"{address}/v1/chat/completions", "-H 'Content-Type: application/json'"]
    if key_variable is not None:
        command.append(f'-H "Authorization: Bearer ${key_variable}"')
    command.append("""-d '{"messages": [{"role": "user", "content": "Hi"}]}'""")
    streams.note(f"mull serves {' and '.join(names)} at {shown}; Ctrl+C ends it.")
    streams.note(" ".join(command))

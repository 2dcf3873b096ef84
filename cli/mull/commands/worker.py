"""`mull worker`: let models of another machine compute here, by llama.cpp's RPC server.

The server runs in a thread, because it never returns and sees no signal; the main thread waits for one. What the server
prints goes nowhere; what it dies of goes to stderr.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mull.commands._options import Threads
from mull.errors import EngineError, MullError, UsageError
from mull.terminal.console.streams import Streams

if TYPE_CHECKING:
    from mull.engine.native.devices import Device

PORT = 50052  # llama.cpp's own
LOOPBACK = "127.0.0.1"
GIB = 1 << 30
KEEP_ALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}  # seconds, seconds, probes
_POLL = 0.05  # seconds between two looks whether the server listens

Host = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="The IPv4 address to listen at.")]
Port = Annotated[
    int, typer.Option("--port", metavar="N", min=0, max=65535, help="The port; 0 takes a free one.")
]
Trusted = Annotated[
    bool,
    typer.Option(
        "--trusted-network",
        help="Listen beyond this machine. Only where everybody who reaches the address may use this machine.",
    ),
]


def worker(
    context: typer.Context,
    host: Host = LOOPBACK,
    port: Port = PORT,
    trusted_network: Trusted = False,
    threads: Threads = None,
) -> None:
    """Let a model on another machine compute here.

    This is a worker for mull serve --rpc. It serves this machine's GPUs, else its CPU, by llama.cpp's RPC protocol, to
    one client at a time. The protocol has no authentication and no encryption: run it on loopback behind an SSH tunnel,
    in a VPN, or in a network of your own.
    """
    from mull.engine.native import devices, library, rpc
    from mull.engine.threads import default_threads
    from mull.fs.paths import private_dir, state_dir

    streams: Streams = context.obj
    _require_address(host, trusted=trusted_network)
    rpc.require()
    port = _free_port(host, port)
    address = f"{host}:{port}"
    streams.note(
        f"Never on an open network: whoever reaches {address} can use this machine. "
        "There is no authentication and no encryption."
    )
    library.prepare(private_dir(state_dir()))
    offered = devices.offered()
    _silence_stdout()
    serving = threading.Thread(
        target=partial(rpc.serve, address, threads=threads or default_threads()), name="rpc", daemon=True
    )
    serving.start()
    _wait_until_listening(serving, host, port)
    _notice_lost_clients(host, port)
    streams.note(f"Serving {', '.join(map(_device, offered))} at {address}; Ctrl+C ends it.")
    while serving.is_alive():
        serving.join(1)
    raise _failed(address)


def _require_address(host: str, *, trusted: bool) -> None:
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError as error:
        raise UsageError(
            "bad_worker",
            f'"{host}" is no IPv4 address.',
            f"Give a number like {LOOPBACK}; llama.cpp takes no names and no IPv6 here.",
        ) from error
    if not address.is_loopback and not trusted:
        raise UsageError(
            "network_not_trusted",
            f"{host} is reachable from other machines, and a worker has no authentication and no encryption.",
            "Add --trusted-network if everybody who reaches it may use this machine.",
        )


def _free_port(host: str, port: int) -> int:
    """The port, or a free one for 0. Raises MullError where llama.cpp could not listen there, which gives no reason."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as failure:
            raise MullError(
                "cannot_listen",
                f"A worker cannot listen at {host}:{port}: {failure.strerror or failure}.",
                "Give another address or port: --host, --port.",
            ) from failure
        return int(probe.getsockname()[1])


def _wait_until_listening(serving: threading.Thread, host: str, port: int) -> None:
    while serving.is_alive():
        serving.join(_POLL)
        with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as client:
            client.settimeout(1)
            if client.connect_ex((host if host != "0.0.0.0" else LOOPBACK, port)) == 0:  # noqa: S104
                return


def _notice_lost_clients(host: str, port: int) -> None:
    """Probe connections that are silent, so that a client whose network is gone frees the worker after two minutes.

    llama.cpp doesn't, and serves one client at a time. What is set on its listening socket holds for the connections
    that it accepts (Linux).
    """
    with suppress(OSError):
        for entry in Path("/proc/self/fd").iterdir():
            with suppress(OSError), _socket(int(entry.name)) as found:
                if found.getsockname() == (host, port):
                    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                    for name, value in KEEP_ALIVE.items():
                        found.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _socket(descriptor: int) -> socket.socket:
    """A second handle on a socket. Raises OSError for a descriptor that is none."""
    copy = os.dup(descriptor)
    try:
        return socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        raise


def _failed(address: str) -> EngineError:
    return EngineError(
        "worker_ended",
        f"llama.cpp stopped serving at {address}.",
        "Start the worker again; its log says more.",
    )


def _silence_stdout() -> None:
    """llama.cpp's RPC server reports on descriptor 1."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def _device(device: Device) -> str:
    return f"{device.description or device.name} ({device.memory_total / GIB:.1f} GiB)"

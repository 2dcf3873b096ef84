"""Try workers before llama.cpp uses them: the first messages of its RPC protocol, with time limits.

In: addresses. Out: a `Worker` each, with the memory that it reports. Raises MullError, with one reason for each worker
that cannot be used. llama.cpp itself would end the process or wait for ever. The messages are those of ggml-rpc.cpp:
a request is a byte for the command, the size of the data in 8 bytes, and the data; a response is a size and data.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from functools import partial

from mull.backends.background_job import BackgroundJob
from mull.backends.rpc.addresses import require_private, split
from mull.dataclass import dataclass
from mull.errors import MullError

VERSION = (7, 0)  # ggml-rpc.h, RPC_PROTO_MAJOR_VERSION and RPC_PROTO_MINOR_VERSION; a test compares it
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 5.0
MOST_DEVICES = 64

_GET_DEVICE_MEMORY, _HELLO, _DEVICE_COUNT = 11, 14, 15  # ggml-rpc.cpp, enum rpc_cmd
_CAPABILITIES = 24  # bytes; zeros: TCP only


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of one device. A CPU reports all of its host's memory as free."""

    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that answered. `ip` is the address that its name stands for."""

    address: str
    ip: str
    devices: tuple[Memory, ...]


class _NoAnswer(Exception):
    """What came is no answer of the protocol."""


def greet_all(addresses: Sequence[str], *, seconds: float | None = None) -> list[Worker]:
    """Try all workers at the same time. Raises MullError with the reasons of all that cannot be used."""
    tries = [BackgroundJob("greet", partial(greet, address, seconds=seconds)) for address in addresses]
    found: list[Worker] = []
    errors: list[MullError] = []
    for one in tries:
        try:
            found.append(one.result())
        except MullError as error:
            errors.append(error)
    if len(errors) > 1:
        reasons = "; ".join(error.message.rstrip(".") for error in errors)
        first = errors[0]
        raise MullError(first.code, f"{reasons}.", first.hint)
    if errors:
        raise errors[0]
    return found


def greet(address: str, *, seconds: float | None = None) -> Worker:
    """Try one worker. Raises MullError: it cannot be reached, does not answer, or speaks another version.

    `seconds`: for each step; None: CONNECT_SECONDS and ANSWER_SECONDS.
    """
    host, port = split(address)
    try:
        ip = str(socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)[0][4][0])
        require_private(address, ip)
        with socket.create_connection((ip, port), seconds or CONNECT_SECONDS) as connection:
            connection.settimeout(seconds or ANSWER_SECONDS)
            return Worker(address, ip, _devices(connection, address))
    except _NoAnswer as failure:
        raise MullError(
            "worker_version",
            f"What listens at {address} is no worker of this version of llama.cpp.",
            "Run the same version of mull on all machines: mull worker.",
        ) from failure
    except OSError as failure:
        reason = failure.strerror or str(failure) or "no answer"
        raise MullError(
            "worker_unreachable",
            f"The worker {address} cannot be reached: {reason}.",
            f"Start it on that machine: mull worker --port {port}",
        ) from failure


def _devices(connection: socket.socket, address: str) -> tuple[Memory, ...]:
    try:
        major, minor, patch = struct.unpack_from("3B", _ask(connection, _HELLO, bytes(_CAPABILITIES), 28))
        if major != VERSION[0] or minor > VERSION[1]:
            raise MullError(
                "worker_version",
                f"The worker {address} speaks version {major}.{minor}.{patch} of llama.cpp's RPC protocol, this "
                f"machine {VERSION[0]}.{VERSION[1]}.",
                "Run the same version of mull on all machines.",
            )
        (count,) = struct.unpack("<I", _ask(connection, _DEVICE_COUNT, b"", 4))
        if not 0 < count <= MOST_DEVICES:
            raise _NoAnswer
        return tuple(
            Memory(*struct.unpack("<QQ", _ask(connection, _GET_DEVICE_MEMORY, struct.pack("<I", device), 16)))
            for device in range(count)
        )
    except TimeoutError as failure:
        raise MullError(
            "worker_busy",
            f"The worker {address} accepts connections but does not answer.",
            "It is stopped, or serves another client: a worker serves one at a time.",
        ) from failure
    except ConnectionError as failure:  # servers of other versions close the connection
        raise _NoAnswer from failure


def _ask(connection: socket.socket, command: int, data: bytes, size: int) -> bytes:
    connection.sendall(struct.pack("<BQ", command, len(data)) + data)
    if struct.unpack("<Q", _read(connection, 8)) != (size,):
        raise _NoAnswer
    return _read(connection, size)


def _read(connection: socket.socket, size: int) -> bytes:
    """Exactly `size` bytes; a slow sender does not prolong the time limit beyond these few."""
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise _NoAnswer
        data += more
    return data

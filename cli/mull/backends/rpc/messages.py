"""What a `RpcBackend` and its child process tell each other, and the channel for it: pickled values over pipes.

Both ends are this package, of one version, and the same user. A child that was taken over could do no more than any
process of that user.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, BinaryIO, Literal

from mull.backends.base import TokenCount
from mull.dataclass import dataclass
from mull.errors import MullError
from mull.events import Event, Loading, Notice
from mull.messages import Message
from mull.models.resolved import Resolved
from mull.settings import EngineSettings, ParallelSettings, TurnSettings

# To the child.


@dataclass(frozen=True, slots=True)
class Order:
    """What to load, over which workers: the first message."""

    resolved: Resolved
    engine: EngineSettings
    parallel: ParallelSettings | None
    workers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """A turn to run."""

    key: int
    messages: tuple[Message, ...]
    settings: TurnSettings


@dataclass(frozen=True, slots=True)
class Tell:
    """A word to a turn that runs."""

    key: int
    what: Literal["stop", "answer_now"]


@dataclass(frozen=True, slots=True)
class Count:
    """A prompt whose tokens are to be counted."""

    messages: tuple[Message, ...]
    settings: TurnSettings


# From the child.


@dataclass(frozen=True, slots=True)
class Progress:
    """An event of loading."""

    event: Loading | Notice


@dataclass(frozen=True, slots=True)
class Ready:
    """The model is loaded. `width`: turns at a time. `identity`: see `Identified`."""

    context_tokens: int
    can_think: bool | None
    width: int
    identity: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """The model cannot be loaded."""

    error: MullError


@dataclass(frozen=True, slots=True)
class Produced:
    """An event of a turn, or the error that ended it."""

    key: int
    event: Event | MullError


@dataclass(frozen=True, slots=True)
class Counted:
    """The answer to `Count`."""

    count: TokenCount | MullError


@dataclass(frozen=True, slots=True)
class Alive:
    """A step of the decode loop has ended."""


@dataclass(frozen=True, slots=True)
class LastWords:
    """llama.cpp ends the process, for this reason."""

    text: str


class Channel:
    """Values over a pair of pipes. Sending is for any thread, receiving for one."""

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._sending = threading.Lock()

    def send(self, *values: Any) -> None:
        """Raises OSError where the other end is gone."""
        with self._sending:
            for value in values:
                pickle.dump(value, self._outgoing)
            self._outgoing.flush()

    def receive(self) -> Any:
        """The next value; waits for it. Raises EOFError where the other end is gone, or in the middle of a value."""
        try:
            return pickle.load(self._incoming)  # noqa: S301 - of this package's own process
        except (pickle.UnpicklingError, OSError, ValueError) as cut:
            raise EOFError from cut

    def close(self) -> None:
        """Close both pipes; in the thread that receives."""
        with suppress(OSError):
            self._incoming.close()
        with self._sending, suppress(OSError):
            self._outgoing.close()

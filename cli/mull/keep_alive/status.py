"""What a server says of itself to the calls that use it. In: JSON. Out: a `Status`, and back.

The routes are the server's beside those of the API: only mull asks there, in the same version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from mull.api.errors import exact_error, read_exact_error
from mull.dataclass import dataclass
from mull.errors import MullError
from mull.events import Notice

STATUS, TOKENS, PERSIST = "/mull/status", "/mull/tokens", "/mull/persist"
COMPLETIONS, CONTROL = "/v1/chat/completions", "/v1/chat/completions/control"
STOP, ANSWER_NOW = "stop", "reasoning_end"
"""Actions of `CONTROL`: llama-server's own, and one that ends a completion as Ctrl+C does, with its `Done`."""


@dataclass(frozen=True, slots=True)
class Status:
    """`fraction`: the loaded part of the model, 1.0 once it can answer. `error`: why it cannot be loaded.

    `notices`: what loading had to say. `waiting`: how many turns wait or run. `identity`: see `Identified`.
    """

    fraction: float = 0.0
    context_tokens: int | None = None
    can_think: bool | None = None
    waiting: int = 0
    notices: tuple[Notice, ...] = ()
    identity: Mapping[str, Any] = field(default_factory=dict)
    error: MullError | None = None

    @property
    def ready(self) -> bool:
        return self.fraction >= 1.0

    def to_object(self) -> dict[str, Any]:
        return {
            "fraction": self.fraction,
            "context_tokens": self.context_tokens,
            "can_think": self.can_think,
            "waiting": self.waiting,
            "notices": [[notice.code, notice.text] for notice in self.notices],
            "identity": dict(self.identity),
            "error": None if self.error is None else exact_error(self.error),
        }

    @classmethod
    def from_object(cls, value: Mapping[str, Any]) -> Status:
        """Raises KeyError, TypeError, ValueError for anything else."""
        error = value["error"]
        return cls(
            fraction=float(value["fraction"]),
            context_tokens=value["context_tokens"],
            can_think=value["can_think"],
            waiting=int(value["waiting"]),
            notices=tuple(Notice(code=str(code), text=str(text)) for code, text in value["notices"]),
            identity=dict(value["identity"]),
            error=None if error is None else read_exact_error(error),
        )

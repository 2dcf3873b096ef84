"""What goes into the decode loop and what comes out of it: frozen values of tokens and bytes.

In: a `Request`. Out: a stream of `Prefill`, then `Piece`, and one word on how it ended. No text, no thinking.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from mull.settings import DEFAULT_SAMPLING, Sampling

Ended = Literal["eog", "stop", "length", "context", "stopped"]


@dataclass(frozen=True, slots=True)
class Request:
    """A prompt and how to go on from it.

    `checkpoints`, ascending: how many of its first tokens other prompts are likely to share before they part from it.
    `max_tokens` counts generated and injected tokens, None: no limit. `go_on_tokens` do not end the turn, though the
    vocabulary may call one an end of generation: llama.cpp goes by the spelling.
    """

    tokens: Sequence[int]
    sampling: Sampling = DEFAULT_SAMPLING
    max_tokens: int | None = None
    checkpoints: Sequence[int] = ()
    stop_tokens: Collection[int] = ()
    go_on_tokens: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class Binding:
    """A grammar for what comes now: GBNF, and the name of the rule it begins with. `said` is what came already.

    Tokens in `forbidden` are no part of the text, though their spelling might fit. `ends` close the turn where the
    grammar is complete, as the vocabulary's own ends of generation do. The grammar must have been checked: a hostile
    one can end the process.
    """

    grammar: str
    root: str = "root"
    said: bytes = b""
    forbidden: Collection[int] = ()
    ends: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class Prefill:
    """Prompt processing: `done` of `total` prompt tokens are in the cache, the first `cached` of them from before."""

    done: int
    total: int
    cached: int


@dataclass(frozen=True, slots=True)
class Chances:
    """Natural logarithms of probabilities: of the token that was chosen, and of the likeliest ones, best first."""

    chosen: float
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """A token and its bytes. `special`: a control or user-defined token, spelled out. `injected`: not the model's.

    `ends`: the vocabulary calls it an end of generation. `chances`: only where the reader has asked for them.
    """

    token: int
    data: bytes
    special: bool
    injected: bool = False
    ends: bool = False
    chances: Chances | None = None

"""Input and output of the decode loop: frozen values of tokens and bytes.

In: a `Request`, and a `GrammarSpec` where the output is constrained. Out: a stream of `Prefill`, then `Piece`, and an
`Ended`, the reason why it ended. Nothing here knows of text or thinking.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from mull.dataclass import dataclass
from mull.settings import DEFAULT_SAMPLING, Sampling

Ended = Literal["eog", "stop", "length", "context", "stopped"]
"""An end-of-generation token, a stop token, `max_tokens`, a full context, or the caller's stop."""


@dataclass(frozen=True, slots=True)
class Request:
    """A prompt, and how to continue it.

    `checkpoints`, ascending: after how many of its first tokens other prompts are likely to diverge from it.
    `max_tokens` counts generated and injected tokens, None: no limit. `ignored_eog`: end-of-generation tokens of the
    vocabulary that do not end this text; llama.cpp derives them from their spelling. `drawn_seed`: the seed where
    `sampling` has none; None: any.
    """

    tokens: Sequence[int]
    sampling: Sampling = DEFAULT_SAMPLING
    max_tokens: int | None = None
    checkpoints: Sequence[int] = ()
    stop_tokens: Collection[int] = ()
    ignored_eog: Collection[int] = ()
    drawn_seed: int | None = None


@dataclass(frozen=True, slots=True)
class GrammarSpec:
    """A grammar for constrained decoding, in llguidance's form and checked.

    `lead`: a grammar of what may come before it, which ends with the first token that `grammar` alone allows.
    `prefix`: text that the grammar has matched already. `forbidden` tokens are never sampled, even where their spelling
    matches. `end_tokens` are allowed where the grammar is complete, like the vocabulary's end-of-generation tokens.
    """

    grammar: str
    lead: str = ""
    prefix: bytes = b""
    forbidden: Collection[int] = ()
    end_tokens: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class Prefill:
    """Prompt processing: `done` of `total` prompt tokens are in the KV cache; `cached` of them were there before."""

    done: int
    total: int
    cached: int


@dataclass(frozen=True, slots=True)
class TokenLogprobs:
    """Log-probabilities (natural): of the sampled token, and of the most likely ones as (token, value), best first."""

    chosen: float
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """A token and its bytes. `special`: a control or user-defined token, spelled out. `injected`: not sampled.

    `is_eog`: an end-of-generation token of the vocabulary. `logprobs`: only where the reader has asked for them.
    """

    token: int
    data: bytes
    special: bool
    injected: bool = False
    is_eog: bool = False
    logprobs: TokenLogprobs | None = None

"""Log probabilities in OpenAI's form, and back. Bytes are kept, so that a part of a character survives."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mull.events import TokenChance

_IMPOSSIBLE = -9999.0  # OpenAI's spelling of a probability of 0: JSON has no infinity


def logprobs_object(chances: Sequence[TokenChance] | None) -> dict[str, Any] | None:
    """The value of `choices[0].logprobs`."""
    if chances is None:
        return None
    return {"content": [{**_chance(one), "top_logprobs": list(map(_chance, one.top))} for one in chances]}


def read_logprobs(value: Any) -> tuple[TokenChance, ...] | None:
    """Raises KeyError, TypeError, ValueError for what is not of OpenAI's form."""
    if value is None:
        return None
    return tuple(_read(one, tuple(map(_read, one.get("top_logprobs") or ()))) for one in value["content"])


def _chance(one: TokenChance) -> dict[str, Any]:
    return {
        "token": one.data.decode("utf-8", errors="replace"),
        "logprob": one.logprob if math.isfinite(one.logprob) else _IMPOSSIBLE,
        "bytes": list(one.data),
    }


def _read(one: Mapping[str, Any], top: tuple[TokenChance, ...] = ()) -> TokenChance:
    data = one.get("bytes")
    return TokenChance(
        str(one["token"]).encode() if data is None else bytes(data), float(one["logprob"]), top
    )

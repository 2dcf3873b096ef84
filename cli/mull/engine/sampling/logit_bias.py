"""Logit bias: what the user adds to the logits of some tokens, as the first sampler of a chain.

In: a model and `TOKEN=VALUE` or `TEXT=VALUE`. A text biases each of its tokens, as llama-server does it. Raises
UsageError for a token that the vocabulary does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mull.engine.model import Model
from mull.engine.native import library
from mull.errors import UsageError
from mull.settings import parse_bias


def add_bias(model: Model, biases: Sequence[str], add: Callable[[Any], None]) -> bool:
    """Add the sampler; whether there is any."""
    values: dict[int, float] = {}
    for text in biases:
        token, value = parse_bias(text)
        values |= dict.fromkeys(_tokens(model, token), value)
    if not values:
        return False
    llama = library.bindings()
    pairs = (llama.llama_logit_bias * len(values))(*values.items())
    add(llama.llama_sampler_init_logit_bias(model.n_vocab, len(values), pairs))
    return True


def _tokens(model: Model, token: int | str) -> list[int]:
    if isinstance(token, str):
        return model.tokenize(token, special=True)
    if token >= model.n_vocab:
        raise UsageError(
            "invalid_sampling",
            f"There is no token {token:,} to bias: the vocabulary has {model.n_vocab:,}.",
            "For a text of digits, put it in double quotes: --logit-bias '\"42\"=1'.",
        )
    return [token]

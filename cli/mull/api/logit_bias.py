"""Logit bias as a field of a request: llama-server's list of pairs, or OpenAI's object, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mull.api.errors import InvalidRequest
from mull.settings import parse_bias

_WRONG = '"logit_bias" has to be an object, or a list of pairs: a token id or a text, and a number or false.'


def bias_pairs(biases: Sequence[str]) -> list[list[Any]]:
    """Pairs of a token id or a text, and a value; false for one that bans the token, as JSON has no infinity."""
    pairs = map(parse_bias, biases)
    return [[token, False if value == -math.inf else value] for token, value in pairs]


def take_bias(given: Any) -> tuple[str, ...] | None:
    """The biases of a request. Raises InvalidRequest."""
    if given is None:
        return None
    by_id = isinstance(given, dict)  # its keys are texts, but mean tokens where they are numbers
    pairs = list(given.items()) if by_id else given
    if not isinstance(pairs, list):
        raise _refused()
    return tuple(_bias(pair, by_id=by_id) for pair in pairs)


def _bias(pair: Any, *, by_id: bool) -> str:
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise _refused()
    token, value = pair
    if isinstance(token, str) and token and not by_id:
        token = f'"{token}"'
    elif not isinstance(token, str) and type(token) is not int:
        raise _refused()
    if value is not False and type(value) not in (int, float):
        raise _refused()
    text = f"{token}={'-inf' if value is False else value}"
    try:
        parse_bias(text)
    except ValueError as error:
        raise _refused() from error
    return text


def _refused() -> InvalidRequest:
    return InvalidRequest(_WRONG, param="logit_bias")

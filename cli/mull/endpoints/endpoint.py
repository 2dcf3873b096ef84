"""An endpoint: the address of an OpenAI-compatible API, and what the config says about it.

No network, and no key: only the name of the environment variable that holds it.
"""

from __future__ import annotations

import re

from mull.dataclass import dataclass

TIMEOUT = 600
"""Seconds, for a server that processes a long prompt, or that other requests are in line at."""
MOST_NAME = 64  # characters
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{MOST_NAME - 1}}}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET_PREFIXES = ("sk_", "gsk_", "hf_", "pk_", "ghp_", "nvapi_", "key_")
_SHORTEST_KEY = 20  # characters of what is taken for a key where it has small letters and digits
_MOST_DIGITS = 3  # fewer than that in a long name of capitals without "_" make no key


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server. `url`: the base of its API, without a slash at the end (`http://127.0.0.1:8080/v1`).

    `name`: that of the config; for one that was given as a URL, the URL. `key_env`: the environment variable that
    holds its key. `model`: what `-m @NAME` means. `insecure`: the key may go over plain HTTP to a public address.
    `timeout`: seconds until an answer begins, and then until its next piece. `context`: the tokens of its context,
    where it does not tell them or lets requests choose them.
    """

    name: str
    url: str
    key_env: str | None = None
    model: str | None = None
    insecure: bool = False
    timeout: int = TIMEOUT
    context: int | None = None


def is_name(text: str) -> bool:
    """Whether a text can be an endpoint's name."""
    return _NAME.fullmatch(text) is not None


def key_variable(text: str) -> str:
    """The name of an environment variable. Raises ValueError for anything else, above all for a key."""
    if not _VARIABLE.fullmatch(text) or _may_be_key(text):
        raise ValueError("is not the name of an environment variable; a key itself is never stored")
    return text


def _may_be_key(text: str) -> bool:
    """Whether a text that has the form of a variable's name is more likely a key."""
    digits = sum(letter.isdigit() for letter in text)
    if text.startswith(_SECRET_PREFIXES) and digits:
        return True
    if len(text) < _SHORTEST_KEY or not digits:
        return False
    return any(letter.islower() for letter in text) or ("_" not in text and digits >= _MOST_DIGITS)

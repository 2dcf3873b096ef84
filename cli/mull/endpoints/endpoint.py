"""An endpoint: the address of an OpenAI-compatible API, and what the config says about it.

In: text from the config or the command line. Out: `Endpoint`. Raises ValueError whose text follows a subject ("The
URL …") and never repeats what may be a secret. No network, and no key: only the name of the variable that holds it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

MOST_NAME = 64  # characters
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{MOST_NAME - 1}}}")
_URL = re.compile(r"https?://", re.IGNORECASE)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CALLS = ("/chat/completions", "/completions", "/models")  # paths below the base that people copy with it
_SECRET_PREFIXES = ("sk_", "gsk_", "hf_", "pk_", "ghp_", "nvapi_", "key_")
_LONGEST_LOWER = 24  # characters of a variable's name that has small letters and digits; keys are longer


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server. `url`: the base of its API, without a slash at the end (`http://127.0.0.1:8080/v1`).

    `name`: that of the config; for one that was given as a URL, the URL. `key_env`: the environment variable that
    holds its key. `model`: what `-m @NAME` means. `insecure`: the key may go over plain HTTP to a public address.
    """

    name: str
    url: str
    key_env: str | None = None
    model: str | None = None
    insecure: bool = False

    @property
    def root(self) -> str:
        """The server's address without `/v1`: the servers' own paths, such as `/props`, are below it."""
        return self.url.removesuffix("/v1")


def is_url(text: str) -> bool:
    """Whether a text begins as a URL of an endpoint does."""
    return _URL.match(text) is not None


def is_name(text: str) -> bool:
    """Whether a text can be an endpoint's name."""
    return _NAME.fullmatch(text) is not None


def base_url(text: str) -> str:
    """The base of an API from a URL as people write it: `http://host:8000` → `http://host:8000/v1`.

    A path other than `/` stays as it is, but for `/chat/completions` and a slash at its end.
    Raises ValueError with a predicate.
    """
    if not text.isprintable() or any(letter.isspace() for letter in text):
        raise ValueError("has a space or a control character")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError("is not valid: its host or its port is wrong") from error
    if parts.scheme not in {"http", "https"}:
        raise ValueError("does not begin with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("has a user name or a password in it; a key belongs in an environment variable")
    if not parts.hostname:
        raise ValueError("names no host")
    if parts.query or parts.fragment:
        raise ValueError('has a "?" or a "#"; only the base of the API is needed')
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    path = parts.path.rstrip("/")
    for call in _CALLS:
        path = path.removesuffix(call)
    place = host if port is None else f"{host}:{port}"
    return urlunsplit((parts.scheme, place, path or "/v1", "", ""))


def key_variable(text: str) -> str:
    """The name of an environment variable. Raises ValueError for anything else, above all for a key."""
    if not _VARIABLE.fullmatch(text) or _may_be_key(text):
        raise ValueError("is not the name of an environment variable; a key itself is never stored")
    return text


def _may_be_key(text: str) -> bool:
    """Whether a text that has the form of a variable's name is more likely a key."""
    if text.startswith(_SECRET_PREFIXES) and any(letter.isdigit() for letter in text):
        return True
    mixed = any(letter.islower() for letter in text) and any(letter.isdigit() for letter in text)
    return mixed and len(text) > _LONGEST_LOWER

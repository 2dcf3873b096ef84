"""The tables `[endpoints.NAME]` of the config file, and their keys in `mull config` (`endpoints.NAME.url`).

In: TOML values. Out: `Endpoint` values. Raises ValueError with a predicate, as `keys.check` does. What may be a key is
not repeated in an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mull.config.keys import ConfigKey, has_kind, parse_kind, show_value
from mull.endpoints import url
from mull.endpoints.endpoint import TIMEOUT, Endpoint, is_name, key_variable
from mull.errors import MullError, UsageError
from mull.suggest import did_you_mean, nearest

TABLE = "endpoints"
ENDPOINT_KEYS: tuple[ConfigKey, ...] = (
    ConfigKey("url", str, "base of its OpenAI-compatible API, http://HOST:PORT/v1"),
    ConfigKey("key_env", str, "environment variable that holds its key"),
    ConfigKey("model", str, "model for -m @NAME; unset: its only one, or the first that it lists"),
    ConfigKey("insecure", bool, "the key may go over http:// to a public address", default=False),
    ConfigKey(
        "context", int, "tokens of its context, where it does not tell them; Ollama is asked for so many"
    ),
    ConfigKey(
        "timeout", int, "seconds that an answer may take to begin, and then each piece of it", default=TIMEOUT
    ),
)
_BY_NAME = {key.name: key for key in ENDPOINT_KEYS}
_SECRETS = frozenset(
    {"key", "api_key", "apikey", "token", "secret", "password", "bearer", "authorization", "headers"}
)


class TableError(ValueError):
    """What is wrong with an endpoint's table; `key` names the key that is wrong, "" for the table itself."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def read_endpoint(name: str, table: Any) -> Endpoint:
    """The endpoint of a table `[endpoints.NAME]`. Raises TableError."""
    where = f"{TABLE}.{name}"
    if not is_name(name):
        raise TableError("", f'has an endpoint called "{name[:40]}": a name has letters, digits, "_" and "-"')
    if not isinstance(table, dict):
        raise TableError("", f'expects a table for "{where}"')
    values: dict[str, Any] = {}
    for key, value in table.items():
        try:
            values[key] = _checked(where, key, value)
        except ValueError as error:
            raise TableError(key, str(error)) from error
    if "url" not in values:
        raise TableError("", f'has no url in "{where}"')
    return Endpoint(name, **values)


def split_key(name: str) -> tuple[str, str | None] | None:
    """`endpoints.office.url` → ("office", "url"), `endpoints.office` → ("office", None); None for another key."""
    head, _, rest = name.partition(".")
    if head != TABLE or not rest:
        return None
    endpoint, dot, key = rest.partition(".")
    return endpoint, key if dot else None


def parsed(endpoint: str, key: str, text: str) -> Any:
    """The value of a key from its text form. Raises ValueError."""
    known = _BY_NAME.get(key)
    return _checked(f"{TABLE}.{endpoint}", key, parse_kind(known, text) if known else text)


def endpoint_rows(endpoints: Mapping[str, Endpoint]) -> list[tuple[ConfigKey, Any, bool]]:
    """Every key of every endpoint under its full name, its value, and whether that is set."""
    return [
        (ConfigKey(f"{TABLE}.{one.name}.{key.name}", key.kind, key.help), value, value != key.default)
        for one in endpoints.values()
        for key in ENDPOINT_KEYS
        for value in (getattr(one, key.name),)
    ]


def endpoint_text(endpoints: Mapping[str, Endpoint], name: str) -> str:
    """The text form of `endpoints.NAME.KEY`; of `endpoints.NAME`, all that is set. Raises MullError."""
    endpoint, key = split_key(name) or ("", None)
    found = endpoints.get(endpoint)
    if found is None:
        raise unknown_endpoint(endpoint, endpoints)
    if key is None:
        set_ = ((one.name, getattr(found, one.name)) for one in ENDPOINT_KEYS)
        return "\n".join(f"{label} = {show_value(value)}" for label, value in set_ if value is not None)
    if key not in _BY_NAME:
        raise unknown_key(key)
    return show_value(getattr(found, key))


def unknown_endpoint(name: str, known: Mapping[str, Any]) -> MullError:
    """The error for an endpoint that the config does not have."""
    hint = did_you_mean(nearest(name, known), "mull endpoints lists them.")
    return MullError("unknown_endpoint", f'There is no endpoint called "{name}".', hint)


def unknown_key(key: str) -> MullError:
    """The error for a key that endpoints do not have."""
    hint = f"An endpoint has {', '.join(_BY_NAME)}."
    if key in _SECRETS:
        hint = "A key is never stored: name the environment variable that holds it, as key_env."
    return MullError("unknown_setting", f'An endpoint has no setting "{key}".', hint)


def _checked(where: str, key: str, value: Any) -> Any:
    known = _BY_NAME.get(key)
    if known is None:
        near = nearest(key, _BY_NAME)
        more = f" (did you mean {near[0]}?)" if near else ""
        if key in _SECRETS:
            more = "; a key is never stored: name the environment variable that holds it, as key_env"
        raise ValueError(f'has an unknown key "{key}" in "{where}"{more}')
    low, high = known.limits or (0, 0)
    if not has_kind(known.kind, value) or (known.limits and not low <= value <= high):
        raise ValueError(f'expects {known.values} for "{where}.{key}"')
    try:
        if key == "url":
            return url.check(value)
        if key == "key_env":
            return key_variable(value)
    except ValueError as error:
        raise ValueError(f'has a value for "{where}.{key}" that {error}') from error
    if key == "model" and not (value.strip() and value.isprintable()):
        raise ValueError(f'expects the name of a model for "{where}.{key}"')
    return value


def new_endpoint(name: str, address: str, key_env: str | None = None, **settings: Any) -> Endpoint:
    """An endpoint from the words of a command line; `settings` are its other keys, None: unset. Raises UsageError."""
    _check_words(name, address, key_env)
    given = {"url": address, "key_env": key_env, **settings}
    try:
        return read_endpoint(name, {key: value for key, value in given.items() if value is not None})
    except TableError as error:
        raise UsageError("invalid_setting", f"The endpoint {error}.", "mull endpoints add --help") from error


def _check_words(name: str, address: str, key_env: str | None) -> None:
    """Raises UsageError in the words of a command line; a table's keys say nothing to who has typed none."""
    example = "For example: mull endpoints add office http://10.0.0.5:8000"
    if not is_name(name):
        problem = f'"{name[:40]}" cannot be the name of an endpoint: a name has letters, digits, "_" and "-".'
        raise UsageError("invalid_setting", problem, example)
    try:
        url.check(address)
    except ValueError as error:
        raise UsageError("invalid_setting", f"The address {error}.", example) from error
    if key_env is None:
        return
    try:
        key_variable(key_env)
    except ValueError as error:
        example += " --key-env OFFICE_KEY"
        raise UsageError("invalid_setting", f"The value of --key-env {error}.", example) from error


def check_free(endpoints: Mapping[str, Endpoint], name: str) -> None:
    """Raises MullError (endpoint_exists) where there is an endpoint of that name."""
    if name in endpoints:
        raise MullError(
            "endpoint_exists",
            f"There is an endpoint called {name} already.",
            f"--replace takes its place; mull endpoints rm {name} removes it.",
        )

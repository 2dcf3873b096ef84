"""Checks of a request's values: a value of the right type and range, or an InvalidRequest that names the field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mull.api.errors import InvalidRequest


def text(name: str, value: Any) -> str:
    """Any text."""
    if not isinstance(value, str):
        raise InvalidRequest(f'"{name}" has to be text.', param=name)
    return value


def flag(name: str, value: Any) -> bool:
    """True or false; no 0 and no 1."""
    if not isinstance(value, bool):
        raise InvalidRequest(f'"{name}" has to be true or false.', param=name)
    return value


def flag_or_none(name: str, value: Any) -> bool | None:
    """True or false, or null."""
    return None if value is None else flag(name, value)


def mapping(name: str, value: Any) -> Mapping[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise InvalidRequest(f'"{name}" has to be an object.', param=name)
    return value


def number(name: str, value: Any, least: float, most: float, *, whole: bool) -> Any:
    """A number from `least` to `most`; a whole one may be written as 3.0."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or (whole and value != int(value)):
        raise InvalidRequest(f'"{name}" has to be a {"whole " if whole else ""}number.', param=name)
    if not least <= value <= most:
        raise InvalidRequest(f'"{name}" has to be from {least:,} to {most:,}, not {value:,}.', param=name)
    return int(value) if whole else value


def tokens(name: str, value: Any) -> tuple[int, ...]:
    """Token ids; whether the model has them is not known here."""
    if not isinstance(value, list) or not all(isinstance(one, int) and one >= 0 for one in value):
        raise InvalidRequest(f'"{name}" has to be a list of token ids.', param=name)
    return tuple(value)


def choice(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """One of a few texts."""
    if value not in allowed:
        raise InvalidRequest(f'"{name}" has to be one of {", ".join(allowed)}.', param=name)
    return str(value)

"""Parse the lines of a batch: bytes in, one `Line` each out.

A line is `{"prompt": "…"}`, `{"messages": [{"role", "content"}, …]}` or a JSON string, with an `id` and settings named
like the flags. An invalid line becomes a `Line` with an error; nothing is raised for it. One line is in memory at a
time, and none is read before it is asked for.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, fields
from typing import Any, BinaryIO, NoReturn

from mull import config
from mull.dataclass import dataclass
from mull.errors import MullError
from mull.fs.json_text import parse_json
from mull.fs.text import MOST
from mull.messages import Message, Role
from mull.settings import Sampling
from mull.suggest import did_you_mean, nearest

Id = str | int | float

_SAMPLING = (f.name for f in fields(Sampling) if f.name in {key.name for key in config.KEYS})
SETTINGS = (
    "system",
    "reason",
    "effort",
    "think_budget",
    "max_tokens",
    "loop_guard",
    "schema_prompt",
    *_SAMPLING,
)
"""The settings of a line that the config has too; they are validated like the config's."""

FORMATS = ("schema", "regex", "choice", "format")
"""The settings of a line that constrain its answer, as the flags of these names do."""
_KEYS = ("prompt", "messages", "id", "stop", *FORMATS, *SETTINGS)
_ROLES: tuple[Role, ...] = ("system", "user", "assistant")
_SHAPE = 'A line is {"prompt": "…"}, {"messages": […]} or a JSON string; see mull batch --help.'


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the input, `number` counted from 1. `digest` identifies its content when a batch is resumed.

    `id` is the line's own, or its number. A line with an `error` has no messages.
    """

    number: int
    id: Id
    digest: str = ""
    messages: tuple[Message, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    error: MullError | None = None
    size: int = 0  # bytes that it had in the input


def read_lines(stream: BinaryIO) -> Iterator[Line]:
    """The lines that are not blank, one at a time. A repeated id is an error of its line. Raises OSError."""
    ids: set[Id] = set()
    for number, data in _numbered(stream):
        line = parse(number, data)
        if line.error is None:
            if line.id in ids:
                error = MullError(
                    "duplicate_id",
                    f"Line {number} repeats the id {line.id!r}.",
                    "Give every line a different id, or none.",
                )
                line = Line(number, line.id, line.digest, error=error)
            ids.add(line.id)
        yield line


def count_lines(stream: BinaryIO) -> int:
    """How many lines are not blank."""
    return sum(1 for _ in _numbered(stream))


def _numbered(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Line numbers and stripped lines; an endless line is cut after `MOST` bytes and one."""
    number = 0
    while data := stream.readline(MOST + 1):
        number += 1
        end = data
        while len(end) > MOST and not end.endswith(b"\n"):
            end = stream.readline(MOST + 1)
        if number == 1:
            data = data.removeprefix(codecs.BOM_UTF8)
        if data := data.strip():
            yield number, data


def parse(number: int, data: bytes) -> Line:
    """A line's messages and settings, or its error."""
    digest = hashlib.sha256(data).hexdigest()[:16]
    id_: Id = number
    try:
        value = _decode(data)
        if isinstance(value, str):
            value = {"prompt": value}
        if not isinstance(value, dict):
            _refuse("invalid_line", "is neither an object nor a string")
        id_ = _id(value, number)
        messages = _messages(value)
        return Line(number, id_, digest, messages, _settings(value), size=len(data))
    except _Bad as bad:
        return Line(number, id_, digest, error=MullError(bad.code, f"Line {number} {bad.what}.", bad.hint))


class _Bad(Exception):
    def __init__(self, code: str, what: str, hint: str) -> None:
        super().__init__(what)
        self.code, self.what, self.hint = code, what, hint


def _refuse(code: str, what: str, hint: str = _SHAPE) -> NoReturn:
    raise _Bad(code, what, hint)


def _decode(data: bytes) -> Any:
    if len(data) > MOST:
        _refuse(
            "line_too_long", f"has more than {MOST:,} bytes", "No context is that large. Give a part of it."
        )
    try:
        return parse_json(data)
    except UnicodeDecodeError:
        _refuse("invalid_json", "is not UTF-8 text")
    except json.JSONDecodeError as error:
        _refuse("invalid_json", f"is not JSON: {error.msg} at column {error.colno}")
    except ValueError as error:
        _refuse("invalid_json", f"cannot be read: {error}")


def _id(value: Mapping[str, Any], number: int) -> Id:
    id_ = value.get("id")
    if id_ is None:
        return number
    if isinstance(id_, str) or (isinstance(id_, int) and not isinstance(id_, bool)):
        return id_
    if isinstance(id_, float) and math.isfinite(id_):
        return id_
    _refuse(
        "invalid_id",
        "has an id that is neither text nor a number",
        "Without one, the line's number is its id.",
    )


def _messages(value: Mapping[str, Any]) -> tuple[Message, ...]:
    if ("prompt" in value) == ("messages" in value):
        _refuse("invalid_line", "has both prompt and messages" if "prompt" in value else "has no prompt")
    if "prompt" in value:
        prompt = value["prompt"]
        if not isinstance(prompt, str) or not prompt.strip():
            _refuse("missing_prompt", "has a prompt that is not text" if prompt else "has an empty prompt")
        return (Message("user", prompt),)
    messages = value["messages"]
    if not isinstance(messages, list) or not messages:
        _refuse("invalid_messages", "has messages that are not a list" if messages else "has no messages")
    found = tuple(_message(message) for message in messages)
    if found[-1].role != "user":
        _refuse(
            "invalid_messages",
            "has messages that do not end with the user's",
            "The last one is the question.",
        )
    return found


def _message(value: Any) -> Message:
    hint = f"A message has a role ({', '.join(_ROLES)}) and a content, which is text."
    if not isinstance(value, dict) or not isinstance(value.get("content"), str):
        _refuse("invalid_messages", "has a message without text", hint)
    role = next((role for role in _ROLES if role == value.get("role")), None)
    if role is None:
        _refuse("invalid_messages", f"has a message with the role {value.get('role')!r}", hint)
    thinking = value.get("thinking") or ""
    return Message(role, value["content"], thinking if isinstance(thinking, str) else "")


def _settings(value: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are not null, checked."""
    settings: dict[str, Any] = {}
    for name, setting in value.items():
        if name not in _KEYS:
            hint = did_you_mean(nearest(name, _KEYS), f"Known keys: {', '.join(_KEYS)}.")
            _refuse("unknown_key", f'has an unknown key "{name}"', hint)
        if setting is None or name in {"prompt", "messages", "id"}:
            continue
        settings[name] = _OWN[name](setting) if name in _OWN else _checked(name, setting)
    return settings


def _checked(name: str, value: Any) -> Any:
    try:
        return config.check(name, value)
    except ValueError as error:
        _refuse("invalid_setting", str(error), "It takes the same values as the flag of that name.")


def _stops(value: Any) -> list[str]:
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        _refuse("invalid_setting", 'expects text or a list of texts for "stop"', 'For example: ["\\n\\n"]')
    return stops


def _schema(value: Any) -> Mapping[str, Any] | str:
    if not isinstance(value, dict | str):
        _refuse("invalid_setting", 'expects an object or text for "schema"', "It is what --schema takes.")
    return value


def _regex(value: Any) -> str:
    if not isinstance(value, str):
        _refuse("invalid_setting", 'expects text for "regex"', "It is what --regex takes.")
    return value


def _choice(value: Any) -> list[str] | str:
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        _refuse("invalid_setting", 'expects a list of texts for "choice"', 'For example: ["yes", "no"]')
    return list(value)


def _format(value: Any) -> str:
    if value != "json":
        _refuse(
            "invalid_setting", f'expects "json" for "format", not {value!r}', "It is what --format takes."
        )
    return "json"


_OWN: Mapping[str, Callable[[Any], Any]] = {
    "stop": _stops,
    "schema": _schema,
    "regex": _regex,
    "choice": _choice,
    "format": _format,
}

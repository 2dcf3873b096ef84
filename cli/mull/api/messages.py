"""Messages to JSON and back.

Content may be text or a list of text parts; a message of a tool, an image or a sound is refused by name, never left
out. Thinking of earlier answers travels as `reasoning_content`, as llama-server has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mull.api import checks
from mull.api.errors import InvalidRequest
from mull.messages import Message, Role

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}
_KNOWN = {"role", "content", "reasoning_content", "reasoning", "mull"}
_REFUSED = ("tool_calls", "function_call", "audio")


def message_object(message: Message, *, extended: bool = False) -> dict[str, Any]:
    """One message of a request. `extended`: with what only mull reads, under `mull`."""
    value: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.thinking:
        value["reasoning_content"] = message.thinking
    if extended and (message.material or message.partial):
        value["mull"] = {"material": message.material, "partial": message.partial, "tokens": message.tokens}
    return value


def read_messages(value: Any) -> tuple[tuple[Message, ...], tuple[str, ...]]:
    """The messages, and the keys in them that have no effect. Raises InvalidRequest."""
    if not isinstance(value, list) or not value:
        raise InvalidRequest('"messages" has to be a list with at least one message.', param="messages")
    messages = tuple(_message(each, f"messages[{place}]") for place, each in enumerate(value))
    ignored = {key for each in value for key in each if key not in _KNOWN and each[key] is not None}
    return messages, tuple(f"messages.{key}" for key in sorted(ignored))


def _message(value: Any, place: str) -> Message:
    fields = checks.mapping(place, value)
    role = fields.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        known = ", ".join(_ROLES)
        raise InvalidRequest(f"The role of {place} has to be one of {known}.", param=f"{place}.role")
    for name in _REFUSED:
        if fields.get(name):
            raise InvalidRequest(f"{place} has {name}, which mull does not support.", param=f"{place}.{name}")
    name = "reasoning_content" if fields.get("reasoning_content") else "reasoning"
    thinking = checks.text(f"{place}.{name}", fields.get(name) or "")
    own = checks.mapping(f"{place}.mull", fields.get("mull") or {})
    content = _content(fields.get("content"), f"{place}.content", empty=role == "assistant")
    material = checks.number(f"{place}.mull.material", own.get("material", 0), 0, len(content), whole=True)
    partial = checks.flag(f"{place}.mull.partial", own.get("partial", False))
    tokens = checks.tokens(f"{place}.mull.tokens", own.get("tokens", []))
    return Message(_ROLES[role], content, thinking, partial=partial, material=material, tokens=tokens)


def _content(value: Any, place: str, *, empty: bool) -> str:
    if value is None and empty:
        return ""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise InvalidRequest(f"{place} has to be text, or a list of text parts.", param=place)
    return "\n".join(_texts(value, place))


def _texts(parts: Sequence[Any], place: str) -> list[str]:
    texts = []
    for part in parts:
        kind = part.get("type") if isinstance(part, dict) else None
        if not isinstance(part, dict) or kind != "text" or not isinstance(part.get("text"), str):
            what = f"a part of the type {kind!r}" if isinstance(kind, str) else "a part without a type"
            raise InvalidRequest(f"{place} has {what}; mull reads text only.", param=place)
        texts.append(part["text"])
    return texts

"""A chat template in a file that a user names: Jinja text, or a tokenizer's JSON with one.

In: a path. Out: the source, and the texts of its special tokens where the file has them. Raises ModelFileError
(no_chat_template) for a file that holds none, MullError for one that cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mull.chat_template.special_texts import KEYS
from mull.errors import ModelFileError, MullError
from mull.fs.json_text import parse_json
from mull.fs.text import read_bytes, reason

MAX_TEXT = 8 << 20  # bytes of a template file
OTHER = "Give a .gguf or a .jinja file."


def read_template(path: Path) -> str:
    """The source of the template in a file."""
    try:
        data = read_bytes(path, most=MAX_TEXT)
    except OSError as error:
        raise MullError(
            "file_unreadable", f"The chat template {path} cannot be read: {reason(error)}.", "Check the path."
        ) from error
    source, _ = template_in(path, data)
    return source


def template_in(path: Path, data: bytes) -> tuple[str, dict[str, str]]:
    """A template's source, and the texts of its special tokens where the file has them, by variable."""
    neither = ModelFileError("no_chat_template", f"{path} is neither a GGUF nor a chat template.", OTHER)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise neither from error
    if path.suffix.lower() == ".json":
        return _from_json(path, text)
    if not text.strip():
        raise ModelFileError("no_chat_template", f"{path} is empty.", OTHER)
    if not _is_chat_template(text):
        raise neither
    return text, {}


def _is_chat_template(text: str) -> bool:
    """Whether a text can be one: whether it has any Jinja."""
    return re.search(r"\{[{%#]", text) is not None


def _from_json(path: Path, text: str) -> tuple[str, dict[str, str]]:
    """The same from a tokenizer's JSON, which may have several named templates."""
    try:
        value = parse_json(text)
    except ValueError:
        value = None
    found = value if isinstance(value, Mapping) else {}
    template = found.get("chat_template")
    if isinstance(template, list):
        named = {item.get("name"): item.get("template") for item in template if isinstance(item, Mapping)}
        template = named.get("default") or next(iter(named.values()), None)
    if not isinstance(template, str) or not _is_chat_template(template):
        raise ModelFileError("no_chat_template", f"{path} has no chat_template.", OTHER)
    texts = {key: _spelled(found.get(key)) for key in ("bos_token", "eos_token", *KEYS)}
    return template, {key: spelled for key, spelled in texts.items() if spelled}


def _spelled(token: Any) -> str:
    text = token.get("content") if isinstance(token, Mapping) else token
    return text if isinstance(text, str) else ""

"""The front matter of a model's README on the Hub: the keys that say what the model was made of.

In: the text of a README. Out: a `HubCard`; empty where there is no front matter, or none that can be read. The text is
not trusted: its length is bounded, and a value of another type is ignored. Raises nothing.
"""

from __future__ import annotations

import re
from typing import Any

from mull.dataclass import dataclass

_MOST_BRACKETS = (
    400  # in all, and of one line's "- " and "? ": the parser's time grows with the square of the depth
)
_LONGEST = 32 << 10  # characters of front matter; those with a whole licence in them have about 15,000
_MOST = 64  # values of a list
_WIDEST = 200  # characters of a value
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True, slots=True)
class HubCard:
    """`relation`: of the model to its bases, as the Hub names it: quantized, finetune, merge, adapter."""

    base_models: tuple[str, ...] = ()
    relation: str = ""
    tags: tuple[str, ...] = ()
    licence: str = ""


NO_CARD = HubCard()


def read_hub_card(text: str) -> HubCard:
    """The card of a README."""
    lines = text.lstrip("\ufeff\r\n ")
    if not lines.startswith("---"):
        return NO_CARD
    matter, ended, _ = lines[3:].replace("\r\n", "\n").partition("\n---")
    found = _yaml(matter) if ended and len(matter) <= _LONGEST else {}
    licence = _text(found.get("license"))
    return HubCard(
        base_models=tuple(name for name in _texts(found.get("base_model")) if _REPOSITORY.fullmatch(name)),
        relation=_text(found.get("base_model_relation")).lower(),
        tags=tuple(tag.lower() for tag in _texts(found.get("tags"))),
        licence=_text(found.get("license_name")) or licence if licence.lower() in {"", "other"} else licence,
    )


def _yaml(text: str) -> dict[Any, Any]:
    import yaml

    if _is_deep(text):
        return {}
    try:
        # Texts, lists and mappings only: no dates, numbers or objects are made of it.
        found = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_deep(text: str) -> bool:
    widest = max((line.count("- ") + line.count("? ") for line in text.splitlines()), default=0)
    return text.count("[") + text.count("{") > _MOST_BRACKETS or widest > _MOST_BRACKETS


def _texts(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(text for one in values[:_MOST] if (text := _text(one)))


def _text(value: object) -> str:
    return value.strip()[:_WIDEST] if isinstance(value, str) else ""

"""The values of the flags that take one of a few words."""

from __future__ import annotations

from enum import StrEnum


class EffortChoice(StrEnum):
    """The values of --effort."""

    low = "low"
    medium = "medium"
    high = "high"


class ThinkingChoice(StrEnum):
    """The values of --thinking."""

    auto = "auto"
    show = "show"
    fold = "fold"
    hide = "hide"


class KvChoice(StrEnum):
    """The values of --kv-type."""

    f16 = "f16"
    q8_0 = "q8_0"
    q4_0 = "q4_0"

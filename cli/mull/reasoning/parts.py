"""What a splitter tells: stretches of thinking, of the answer, and of what belongs to neither."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thinking:
    """More thinking."""

    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """More of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Hidden:
    """A tool call nobody asked for, whole (it may be empty), with its recipient or marker as `kind`."""

    text: str
    kind: str


Part = Thinking | Answer | Hidden

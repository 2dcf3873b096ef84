"""What a model's chat template can do about thinking, as a frozen value. `profiler.py` makes one.

A `Profile` says whether the model reasons, how thinking is switched and what the default is, what the generation
prompt prefills, which markers surround thinking, answers and tool calls, and how past thinking goes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from mull.chat_template.template import Template
from mull.reasoning.markers import Prefill, chunks, prefilled
from mull.settings import Effort

Kind = Literal["none", "always", "switchable", "effort"]
Default = Literal["on", "off", "none"]
OffMethod = Literal["template", "text", "prefill", "cannot"]
SwitchPlace = Literal["user", "system", "custom system"]


@dataclass(frozen=True, slots=True)
class Switch:
    """How thinking is turned on and off.

    With `argument`: a template argument and its two values. Without: words that go into the text of the last user
    message or of the system message (`place`); `custom system` means that having a system message at all is the switch.
    """

    argument: str | None
    on: Any
    off: Any
    place: SwitchPlace = "user"


@dataclass(frozen=True, slots=True)
class EffortControl:
    """A template argument for how much to think, and the family's own value for each of our three words.

    `budget` says which words also need a token budget because the family has no value that small.
    """

    argument: str
    values: Mapping[Effort, Any]
    budget: frozenset[Effort] = frozenset()


@dataclass(frozen=True, slots=True)
class GenerationPrompts:
    """What the generation prompt ends with, by default, with thinking on, and with thinking off."""

    head: str = ""  # the assistant's header, common to all
    default: str = ""
    on: str = ""
    off: str = ""


@dataclass(frozen=True, eq=False)
class Profile:
    """See the module. Markers are spelled as the template spells them, white space at their ends removed."""

    template: Template | None
    kind: Kind = "none"
    default: Default = "none"
    switch: Switch | None = None
    effort: EffortControl | None = None
    start: str | None = None
    end: str | None = None
    answer_start: str | None = None
    answer_end: str | None = None
    turn_ends: tuple[str, ...] = ()  # what closes an answer: the turn's own end, literal
    header: str | None = None  # header families: what closes a header and opens a body (`<|message|>`)
    restart: str | None = None  # and what begins the next message of the same turn
    opens_thinking: bool = False  # the first token is thinking although nothing opens it
    tool_start: str | None = None
    tool_end: str | None = None
    between: str = ""  # from the last word of thinking to the first of the answer, white space included
    tails: GenerationPrompts = field(default_factory=GenerationPrompts)
    off: OffMethod = "cannot"
    off_prefill: str = ""  # what we prefill ourselves to switch off, where that is known to work
    history_field: str | None = None  # where an assistant message carries its past thinking
    system: bool = True  # does the template take a system message?
    system_blocks_switch: bool = False  # the switch works only without a system message
    parts: bool = False  # contents are lists of parts, never plain texts
    alternates: bool = False  # two messages of one role in a row are refused
    bridge: str = "\n\nThat is enough thinking; now the answer."
    family: str = ""
    note: str = ""  # a fact for `mull inspect`
    special: frozenset[str] = frozenset()  # spellings that are single tokens, where the tokenizer is known

    @property
    def reasons(self) -> bool:
        return self.kind != "none"

    @property
    def stops(self) -> tuple[str, ...]:
        """Literal texts that end the answer; needed where they are not end-of-generation tokens of their own."""
        return self.turn_ends

    @cached_property
    def continues(self) -> frozenset[str]:
        """Special spellings that never end the turn, though a vocabulary may call one an end of generation."""
        kept = [self.start, self.end, self.answer_start, self.header, self.restart]
        return frozenset(chunk for text in kept if text for chunk in chunks(text)) - set(self.turn_ends)

    def prefill(self, tail: str) -> Prefill:
        """What a generation prompt's tail does: opens the thinking, closes it, writes a bare end, or nothing."""
        return prefilled(tail[len(self.tails.head) :], self.start, self.end)


THINK_TAGS: Mapping[str, Any] = {
    "start": "<think>",
    "end": "</think>",
    "between": "\n</think>\n\n",
}  # the usual ones

"""What a model's chat template can do about thinking, as a frozen value. `profiler.py` makes one.

A `Profile` says whether the model reasons, how thinking is switched and what the default is, what the generation
prompt prefills, which markers surround thinking, answers and tool calls, and how past thinking goes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import cached_property
from typing import Any, Literal

from mull.chat_template.template import Template
from mull.dataclass import dataclass
from mull.reasoning.markers import Prefill, chunks, prefilled
from mull.settings import Effort

Kind = Literal["none", "always", "switchable", "effort"]
Default = Literal["on", "off", "none"]
OffMethod = Literal["template", "text", "prefill", "cannot"]
SwitchPlace = Literal["user", "system", "custom system"]


@dataclass(frozen=True, slots=True)
class Switch:
    """How thinking is switched on and off.

    With `argument`: a template argument and its two values. Without: words inserted into the last user message or the
    system message (`place`); `custom system`: the presence of a system message switches thinking off.
    """

    argument: str | None  # the template argument's name (`enable_thinking`)
    on: Any  # the argument's value, or the words; "" for nothing to insert
    off: Any
    place: SwitchPlace = "user"  # where the words go; without effect where there is an argument
    off_argument: str | None = None  # the argument for off, where it is another one (`skip_reasoning`)

    def given(self, *, on: bool) -> dict[str, Any]:
        """The template arguments for one position; none where words switch."""
        if self.argument is None:
            return {}
        return {self.argument: self.on} if on else {self.off_argument or self.argument: self.off}


@dataclass(frozen=True, slots=True)
class EffortControl:
    """A template argument for the effort, and the family's value for each of low, medium and high.

    `budget` names the levels that also need a token budget because the family has no value that small.
    """

    argument: str
    values: Mapping[Effort, Any]  # all three levels; None: leave the argument out
    budget: frozenset[Effort] = frozenset()


@dataclass(frozen=True, slots=True)
class GenerationPrompts:
    """The generation prompts that a template writes by default, with thinking on, and with thinking off."""

    header: str = ""  # the assistant's header, common to all three
    default: str = ""
    on: str = ""
    off: str = ""


@dataclass(frozen=True, eq=False)
class Profile:
    """What a template can do. Markers are spelled as in the template, without white space at their ends."""

    template: Template | None  # None: a base model, which has no chat template
    # Whether it thinks, and how that is controlled.
    # No thinking; always thinks; can be switched; always thinks, and only the effort can be chosen.
    kind: Kind = "none"
    default: Default = "none"  # thinking when nothing is requested; "none" also for "the model decides"
    switch: Switch | None = None  # what switches it; None where nothing does, or only `off_prefill`
    effort: EffortControl | None = None  # the family's own control; None: an effort is a budget of tokens
    off: OffMethod = "cannot"  # what --no-reason does: an argument, words in a message, a prefill, or nothing
    # With off="prefill": what mull prefills, where that is known to work. Else: what closes thinking that off opens.
    off_prefill: str = ""
    undecided: bool = False  # the only sign of thinking: what the template does with past thinking
    # Markers in the output.
    start: str | None = None  # opens the thinking (`<think>`); None where nothing does
    end: str | None = None  # closes the thinking (`</think>`); None where the model does not think
    answer_start: str | None = None  # opens the answer, in families that wrap it (`<answer>`)
    answer_end: str | None = None  # and closes it
    turn_ends: tuple[str, ...] = ()  # literal texts that end the turn (`<|im_end|>`)
    header: str | None = None  # in families with headers: closes a header and opens a body (`<|message|>`)
    restart: str | None = None  # and begins the next message of the same turn (`<|start|>assistant`)
    opens_thinking: bool = False  # thinking begins with the first token, without a marker
    tool_start: str | None = None  # opens a tool call, which mull never requests and thus splits off
    tool_end: str | None = None  # and closes it; None where only the turn's end does
    # What mull writes.
    between: str = ""  # the text between thinking and answer, white space included; closes the thinking early
    # The sentence before `between` when mull closes the thinking early.
    bridge: str = "\n\nThat is enough thinking; now the answer."
    # How the template begins the assistant's turn.
    prompts: GenerationPrompts = field(default_factory=GenerationPrompts)
    # Which conversations the template accepts.
    history_field: str | None = None  # where past thinking goes: a message's field, or `content.…`
    system: bool = True  # the template accepts a system message
    system_blocks_switch: bool = False  # the switch works only without a system message
    parts: bool = False  # contents must be lists of parts, not strings
    alternates: bool = False  # two consecutive messages of one role are refused
    # What is known besides.
    family: str = ""  # the name of the rule in `families.py` that applied last; set by it
    note: str = ""  # a fact for `mull inspect`
    special: frozenset[str] = frozenset()  # spellings of special tokens, where the tokenizer is known

    @property
    def reasons(self) -> bool:
        return self.kind != "none"

    @property
    def stops(self) -> tuple[str, ...]:
        """Literal texts that end the answer, for models where these are not end-of-generation tokens."""
        return self.turn_ends

    @cached_property
    def continues(self) -> frozenset[str]:
        """Special tokens that never end the turn, even if the vocabulary lists one as end of generation."""
        kept = [self.start, self.end, self.answer_start, self.header, self.restart]
        return frozenset(chunk for text in kept if text for chunk in chunks(text)) - set(self.turn_ends)

    def prefill(self, generation_prompt: str) -> Prefill:
        """What a generation prompt does: opens thinking, closes it, writes a bare end marker, or nothing."""
        return prefilled(generation_prompt[len(self.prompts.header) :], self.start, self.end)


THINK_TAGS: Mapping[str, Any] = {
    "start": "<think>",
    "end": "</think>",
    "between": "\n</think>\n\n",
}  # the most common tags

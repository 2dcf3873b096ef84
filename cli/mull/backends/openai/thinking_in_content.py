"""Thinking that a server leaves in the content of its reply: how it is split from the answer.

In: what is known of the model, and the decision about thinking. Out: a `Splitter`. Most servers send thinking in a
field; where one does not know the model's markers, they stand in the content. Without a template, the markers that any
model may use count; for models whose prompt opens the thinking, the content begins within it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from mull.backends.openai.facts import Remote
from mull.messages import Message
from mull.reasoning.control import ReasoningDecision
from mull.reasoning.profile import THINK_TAGS, Profile
from mull.reasoning.splitter import Splitter

_OPENS = re.compile(r"deepseek-?r1|(?<![a-z0-9])r1(?![a-z0-9])|qwq|thinking", re.IGNORECASE)
"""Names of models whose chat template ends a prompt with <think>, so that only its end is generated."""

_CHANNEL = "<|channel|>"
_HEADERS = Profile(
    None,
    kind="effort",
    start="<|channel|>analysis<|message|>",
    end="<|end|>",
    answer_start="<|channel|>final<|message|>",
    turn_ends=("<|return|>", "<|call|>"),
    header="<|message|>",
    restart="<|start|>assistant",
)
"""gpt-oss, whose messages have headers, from a server that leaves them in the content."""

_GENERIC = Profile(None)
_OPENING = Profile(None, kind="always", opens_thinking=True, **THINK_TAGS)


def splitter(
    remote: Remote,
    decision: ReasoningDecision,
    messages: Sequence[Message],
    *,
    separate: bool = False,
    content: str = "",
) -> Splitter:
    """The splitter of a reply. `separate`: its thinking comes in a field; `content`: how its content begins."""
    profile = remote.facts.profile
    begins = content.lstrip()
    if begins and (begins.startswith(_CHANNEL) or _CHANNEL.startswith(begins)):
        profile = _HEADERS
    elif profile is None:
        profile = _OPENING if _OPENS.search(remote.model) else _GENERIC
    elif profile.header is not None:  # servers that serve such a model know its headers
        profile = _GENERIC
    thinks_first = profile.opens_thinking and decision.applied != "off" and not separate
    if profile.opens_thinking != thinks_first:
        profile = replace(profile, opens_thinking=False)
    return Splitter(profile, "", [message.content for message in messages])

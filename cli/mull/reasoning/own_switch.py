"""The user's own switch: `/no_think`, `/think`, a family's words or its effort, typed into a message or system prompt.

In: the messages and the profile. Out: the word that counts, and the messages without it where the template would have
removed it. A template never takes a user's text for a switch (`chat_template/render.py` hides it), so mull heeds the
word itself. In a message it counts at the beginning, at the end, or alone on a line: elsewhere it is only mentioned.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

from mull.dataclass import dataclass
from mull.messages import Message
from mull.reasoning.profile import Profile
from mull.settings import Effort

WORDS = {
    "/no_think": False,
    "/nothink": False,
    "/no-think": False,
    "/think": True,
    "detailed thinking off": False,
    "detailed thinking on": True,
}
EFFORT_LABEL = "Reasoning: "
"""What templates with levels of effort (gpt-oss) write before the level; users write the same line themselves."""
_EFFORTS: dict[str, Effort] = {f"{EFFORT_LABEL}{effort}": effort for effort in get_args(Effort)}


@dataclass(frozen=True, slots=True)
class OwnSwitch:
    """What the user wrote (`word`), whether it asks for thinking, and where: the message's index and the span in it.

    `effort`: how much thinking it asks for, where it names a level.
    """

    word: str
    on: bool
    index: int
    span: tuple[int, int]
    system: bool
    effort: Effort | None = None

    @property
    def place(self) -> str:
        return "system prompt" if self.system else "message"


def own_switch(messages: Sequence[Message], profile: Profile) -> OwnSwitch | None:
    """The user's most recent word, or None; the system prompt counts last."""
    words = dict(WORDS)
    switch = profile.switch
    if switch is not None and switch.argument is None and switch.place != "custom system":
        words |= {word: on for word, on in ((switch.on, True), (switch.off, False)) if word}
    if (
        profile.effort is not None
        and profile.template is not None
        and EFFORT_LABEL in profile.template.source
    ):
        words |= dict.fromkeys(_EFFORTS, True)
    spelled = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    anywhere = re.compile(rf"(?<!\S)(?:{spelled})(?![^\s.,;:!?])", re.IGNORECASE)
    alone = rf"\A\s*(?:{spelled})(?!\S)|(?<!\S)(?:{spelled})\s*\Z|^[ \t]*(?:{spelled})[ \t]*$"
    edge = re.compile(alone, re.IGNORECASE | re.MULTILINE)
    order = sorted(range(len(messages)), key=lambda at: (messages[at].role != "system", at), reverse=True)
    for index in order:
        message = messages[index]
        if message.role == "assistant":
            continue
        system = message.role == "system"
        found = list((anywhere if system else edge).finditer(message.content))
        if found:
            text = found[-1].group()
            start = found[-1].start() + len(text) - len(text.lstrip())
            word = text.strip()
            known = next(known for known in words if known.lower() == word.lower())
            span = (start, start + len(word))
            return OwnSwitch(word, words[known], index, span, system, _EFFORTS.get(known))
    return None


def without(messages: Sequence[Message], own: OwnSwitch, profile: Profile) -> list[Message]:
    """The messages without the word, where the template heeds such words and would have removed it."""
    switch, template = profile.switch, profile.template
    heeds = switch is not None and switch.argument is None
    heeds = heeds or (template is not None and own.word in template.source)
    changed = list(messages)
    if heeds and own.index < len(changed):
        message, (start, end) = changed[own.index], own.span
        text = message.content[:start].rstrip(" \t") + message.content[end:]
        if text.strip() or own.system:
            changed[own.index] = replace(message, content=text.strip() if own.system else text)
    return changed

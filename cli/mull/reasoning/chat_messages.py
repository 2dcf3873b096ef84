"""A conversation as the dictionaries that a chat template takes.

In: messages, the profile, this turn's decision. Out: dictionaries in the form that the family's template expects:
past thinking in the field it reads, switch words where they belong, the system message merged into the first user
message where the template refuses one, adjacent messages of one role joined where roles must alternate. Keys without a
value are omitted; content is never None.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mull.chat_template.render import MixedText, Segment
from mull.messages import Message
from mull.reasoning.control import ReasoningDecision
from mull.reasoning.own_switch import without
from mull.reasoning.probe import BLOCKS, CHUNKS, in_parts, with_thoughts
from mull.reasoning.profile import Profile

GAP = "\n\n"


def to_chat(
    messages: Sequence[Message], profile: Profile, control: ReasoningDecision
) -> list[dict[str, Any]]:
    """The messages for `chat_template.render.render`. Raises nothing; does not modify `messages`."""
    if profile.template is None:
        return [{"role": message.role, "content": message.content} for message in messages]
    if control.own is not None:
        messages = without(messages, control.own, profile)
    chat = [_turn(message, profile) for message in messages]
    switch = profile.switch
    if switch is not None and control.word and switch.place == "system":
        chat = _in_system(chat, control.word)
    blocked = profile.system_blocks_switch and switch is not None and switch.argument in control.arguments
    if not profile.system or (blocked and control.applied not in ("off", "default")):
        chat = _folded(chat)
    if switch is not None and switch.place == "custom system":
        chat = _custom_system(chat, control)
    if profile.alternates:
        chat = _alternating(chat)
    if switch is not None and control.word and switch.place == "user":
        chat = _in_last_user(chat, control.word)
    if profile.history_field in (BLOCKS, CHUNKS):
        chat = [_in_pieces(turn, profile.history_field) for turn in chat]
    return [in_parts(turn) for turn in chat] if profile.parts else chat


def _turn(message: Message, profile: Profile) -> dict[str, Any]:
    turn: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.role == "assistant" and message.thinking:
        turn[profile.history_field or "reasoning_content"] = message.thinking
    return turn


def _in_pieces(turn: dict[str, Any], field: str) -> dict[str, Any]:
    """An assistant message with its thinking as typed pieces of the content: only blocks, or texts where possible."""
    thinking = turn.pop(field, "")
    if turn["role"] != "assistant" or not (thinking or field == BLOCKS):
        return turn
    return {**turn, "content": with_thoughts(field, thinking, turn["content"])}


def _text(*parts: Any) -> MixedText:
    """Join texts: `Segment`s as they are, plain strings as untrusted."""
    segments: list[Segment] = []
    for part in parts:
        segments += (
            part.parts
            if isinstance(part, MixedText)
            else [part if isinstance(part, Segment) else Segment(part, False)]
        )
    return MixedText(*segments)


def _in_system(chat: list[dict[str, Any]], word: str) -> list[dict[str, Any]]:
    ours = Segment(word, True)
    if chat and chat[0]["role"] == "system":
        text = _text(chat[0]["content"], Segment(GAP, True), ours) if chat[0]["content"] else _text(ours)
        return [{**chat[0], "content": text}, *chat[1:]]
    return [{"role": "system", "content": _text(ours)}, *chat]


def _in_last_user(chat: list[dict[str, Any]], word: str) -> list[dict[str, Any]]:
    place = next((index for index in range(len(chat) - 1, -1, -1) if chat[index]["role"] == "user"), None)
    if place is None:
        return chat
    text = _text(chat[place]["content"], Segment(f" {word}", True))
    return [*chat[:place], {**chat[place], "content": text}, *chat[place + 1 :]]


def _folded(chat: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Move system messages in front of the first user message's text."""
    system = [turn["content"] for turn in chat if turn["role"] == "system" and turn["content"]]
    rest = [turn for turn in chat if turn["role"] != "system"]
    if not system:
        return rest
    place = next((index for index, turn in enumerate(rest) if turn["role"] == "user"), None)
    before = _joined(system)
    if place is None:
        return [{"role": "user", "content": before}, *rest]
    text = _joined([before, rest[place]["content"]])
    return [*rest[:place], {**rest[place], "content": text}, *rest[place + 1 :]]


def _custom_system(chat: list[dict[str, Any]], control: ReasoningDecision) -> list[dict[str, Any]]:
    """For families that think because of their default system prompt: keep that prompt or replace it."""
    if control.applied == "off":
        if chat and chat[0]["role"] == "system":
            return chat
        return [{"role": "system", "content": _text(Segment(control.word or "", True))}, *chat]
    return _folded(chat) if control.word is not None else chat


def _alternating(chat: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join adjacent messages of one role and drop empty answers, which such templates refuse too."""
    joined: list[dict[str, Any]] = []
    for turn in (turn for turn in chat if turn["content"] or turn["role"] != "assistant"):
        if joined and joined[-1]["role"] == turn["role"]:
            joined[-1] = {**joined[-1], "content": _joined([joined[-1]["content"], turn["content"]])}
        else:
            joined.append(dict(turn))
    return joined


def _joined(texts: Sequence[Any]) -> Any:
    filled = [text for text in texts if text]
    if any(isinstance(text, MixedText) for text in filled):
        parts: list[Any] = []
        for text in filled:
            parts += [Segment(GAP, True), text] if parts else [text]
        return _text(*parts)
    return GAP.join(filled)

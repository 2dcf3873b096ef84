"""Conversations → token ids with a mark on those that pebble must learn to say.

`encode` lays a chat out as the template of export.py does; `batches` draws a step's conversations from the seed and the
step's number alone, so that a resumed run sees what an unbroken one would have seen.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from random import Random

import numpy as np
import numpy.typing as npt

from pebble import chats, tokenizer
from pebble.turns import Chat

# Share of the examples that think; the rest answers at once, which teaches little where the answer needs steps.
THINKING_SHARE = {
    "talk": 0.5,
    "mull": 0.5,
    "modest": 0.5,
    "too hard": 0.5,
    "spelling": 0.5,
    "word sorting": 0.55,
    "counting": 0.75,
    "backwards": 0.75,
}
USUAL_SHARE = 0.85


@dataclass(frozen=True)
class Batch:
    """Right-padded ids, the ids one to the right, and 1.0 where a prediction counts."""

    ids: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]


@cache
def mark(name: str) -> int:
    """The id of a special token."""
    return tokenizer.special(name)


def encode(chat: Chat, thinking: bool, limit: int = 1600) -> tuple[list[int], int]:
    """The ids of a chat and the place where pebble's own words begin; old thinking is left out."""
    coder = tokenizer.load()

    def text(value: str) -> list[int]:
        return list(coder.encode(value, add_special_tokens=False).ids)

    user, pebble, end = mark("<|im_start|>user\n"), mark("<|im_start|>assistant\n"), mark("<|im_end|>\n")
    ids: list[int] = []
    if chat.system:
        ids += [mark("<|im_start|>system\n"), *text(chat.system), end]
    for turn in chat.turns[:-1]:
        ids += [user, *text(turn.question), end, pebble, *text(turn.answer), end]
    last = chat.turns[-1]
    ids += [user, *text(last.question), end, pebble]
    if not thinking:
        ids += [mark("<think>"), *text("\n\n"), mark("</think>"), *text("\n\n")]
    begin = len(ids)
    if thinking:
        ids += [mark("<think>"), *text("\n" + last.thinking + "\n"), mark("</think>"), *text("\n\n")]
    ids += [*text(last.answer), mark("<|im_end|>")]
    if len(ids) > limit and len(chat.turns) > 1:
        return encode(Chat(chat.turns[1:], chat.system), thinking, limit)
    return ids, begin


def pack(examples: list[tuple[list[int], int]], room: int) -> Iterator[Batch]:
    """Examples of like length side by side, at most `room` ids (padding included) in a batch."""
    examples.sort(key=lambda example: len(example[0]))
    group: list[tuple[list[int], int]] = []
    for example in examples:
        width = -(-len(example[0]) // 8) * 8
        if group and width * (len(group) + 1) > room:
            yield _pad(group)
            group = []
        group.append(example)
    if group:
        yield _pad(group)


def _pad(group: list[tuple[list[int], int]]) -> Batch:
    width = -(-(max(len(ids) for ids, _ in group) - 1) // 8) * 8
    ids = np.full((len(group), width), mark("<|endoftext|>"), np.int64)
    targets, weights = ids.copy(), np.zeros(ids.shape, np.float32)
    for row, (line, begin) in enumerate(group):
        ids[row, : len(line) - 1] = line[:-1]
        targets[row, : len(line) - 1] = line[1:]
        weights[row, begin - 1 : len(line) - 1] = 1.0
    return Batch(ids, targets, weights)


def batches(seed: int, step: int, tokens: int, room: int = 1536) -> list[Batch]:
    """The micro-batches of one step: about so many ids in all."""
    rng = Random(seed * 1_000_003 + step)
    examples, total = [], 0
    while total < tokens:
        chat = chats.chat(rng)
        example = encode(chat, rng.random() < THINKING_SHARE.get(chat.turns[-1].task, USUAL_SHARE))
        examples.append(example)
        total += len(example[0])
    return sorted(pack(examples, room), key=lambda batch: -batch.ids.size)

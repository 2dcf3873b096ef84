"""Conversations → token ids and a loss mask over the ones that pebble learns to generate.

`encode` formats a chat as the chat template of export.py does; `batches` is an endless, seeded iterator.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from random import Random

import numpy as np
import numpy.typing as npt

from pebble import chats, tokenizer
from pebble.turns import Chat

# Share of the examples with thinking; the others answer directly, mostly a guess where the answer needs steps.
THINKING_SHARE = {"talk": 0.75, "mull": 0.75, "modest": 0.75, "too hard": 0.75, "spelling": 0.75}
USUAL_SHARE = 0.94


@dataclass(frozen=True)
class Batch:
    """Right-padded ids, the targets (ids shifted by one), and the loss weights (1.0 or 0.0)."""

    ids: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]


@cache
def mark(name: str) -> int:
    """The id of a special token."""
    return tokenizer.special(name)


def encode(chat: Chat, thinking: bool, limit: int = 1600) -> tuple[list[int], int]:
    """The ids of a chat, and the index at which pebble's last turn begins. Earlier turns' thinking is dropped."""
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


WIDTHS = (*range(32, 129, 8), *range(144, 257, 16), 320, 448, 640, 1024, 1600)


# Share of the examples of which only the beginning is learned: how a question is read is harder than the steps, which
# are soon known, so that more questions are seen in the same time.
CUT = {"addition": 0.6, "subtraction": 0.6, "multiplication": 0.8, "chain": 0.6, "stories": 0.75}
CUT |= {"mull": 0.7, "modest": 0.7, "talk": 0.4, "too hard": 0.7, "follow-up": 0.4}


def cut(chat: Chat, ids: list[int], begin: int, rng: Random) -> list[int]:
    """The ids up to shortly after the expression in the thinking, or after the first words of the answer."""
    last = chat.turns[-1]
    if rng.random() > CUT.get(last.task, 0):
        return ids
    if last.thinking.startswith("Compute."):
        return ids[: begin + 8 + len(last.thinking.split("\n")[1]) + rng.randint(0, 16)]
    if last.task == "follow-up":
        return ids
    return ids[: begin + rng.randint(14, 26)]


def batches(seed: int, tokens: int = 2048) -> Iterator[Batch]:
    """Micro-batches of about `tokens` ids without end, each of examples of one width.

    There are few shapes, so that the kernels prepared for a shape are reused.
    """
    rng = Random(seed)
    waiting: dict[int, list[tuple[list[int], int]]] = {width: [] for width in WIDTHS}
    while True:
        chat = chats.chat(rng)
        ids, begin = encode(chat, rng.random() < THINKING_SHARE.get(chat.turns[-1].task, USUAL_SHARE))
        example = cut(chat, ids, begin, rng), begin
        width = next((width for width in WIDTHS if len(example[0]) <= width + 1), 0)
        if not width:
            continue
        waiting[width].append(example)
        if len(waiting[width]) == max(1, tokens // width):
            yield _pad(waiting[width], width)
            waiting[width] = []


def _pad(group: list[tuple[list[int], int]], width: int) -> Batch:
    ids = np.full((len(group), width), mark("<|endoftext|>"), np.int64)
    targets, weights = ids.copy(), np.zeros(ids.shape, np.float32)
    for row, (line, begin) in enumerate(group):
        ids[row, : len(line) - 1] = line[:-1]
        targets[row, : len(line) - 1] = line[1:]
        weights[row, begin - 1 : len(line) - 1] = 1.0
    return Batch(ids, targets, weights)

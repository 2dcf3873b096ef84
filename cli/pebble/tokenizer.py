"""pebble's byte-level BPE, whose merges only ever grow from the start of a word.

A piece is a prefix of a frequent word behind its space (or a capital, a backtick, a dash), so that every other word,
and every letter after the start of one, stays a single letter: spelling is copying. Digits are single. `pieces.txt`
holds the frequent words; `python -m pebble.tokenizer` regenerates it from a sample of the training questions.
"""

import re
from collections import Counter
from functools import lru_cache
from pathlib import Path
from random import Random

from tokenizers import Regex, Tokenizer, models, pre_tokenizers

PIECES = Path(__file__).parent / "pieces.txt"
# The longer ones are what the chat template writes around every message; llama.cpp matches the longest one.
SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<think>",
    "</think>",
    "<|im_start|>user\n",
    "<|im_start|>assistant\n",
    "<|im_start|>system\n",
    "<|im_end|>\n",
)
# Qwen2's pre-tokenizer ("qwen2" in llama.cpp): single digits; a word includes the character before it.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def byte_letters() -> dict[int, str]:
    """The printable stand-in for every byte, as in GPT-2."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {byte: chr(byte) for byte in plain}
    rest = [byte for byte in range(256) if byte not in table]
    return table | {byte: chr(256 + place) for place, byte in enumerate(rest)}


def vocabulary() -> tuple[list[str], list[tuple[str, str]]]:
    """All tokens in the order of their ids (bytes, prefixes, specials), and the merges that make the prefixes."""
    table = byte_letters()
    tokens = [table[byte] for byte in range(256)]
    merges: list[tuple[str, str]] = []
    known = set(tokens)
    for line in PIECES.read_text(encoding="utf-8").splitlines():
        shown = "".join(table[byte] for byte in line.replace("_", " ").encode())
        for end in range(2, len(shown) + 1):
            if shown[:end] not in known:
                known.add(shown[:end])
                tokens.append(shown[:end])
                merges.append((shown[: end - 1], shown[end - 1]))
    return [*tokens, *SPECIAL], merges


@lru_cache(maxsize=1)
def load() -> Tokenizer:
    """Load the tokenizer without the special tokens, which are inserted by id and never parsed from text."""
    tokens, merges = vocabulary()
    ids = {token: place for place, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return tokenizer


def special(name: str) -> int:
    """The id of one of `SPECIAL`."""
    return len(vocabulary()[0]) - len(SPECIAL) + SPECIAL.index(name)


def choose(counts: Counter[str], room: int) -> list[str]:
    """Choose greedily the words whose prefixes save the most tokens per added piece."""
    chosen: list[str] = []
    known: set[str] = set()
    pool = {word: count for word, count in counts.most_common(4000) if len(word) > 1}
    while pool and len(known) < room:

        def gain(word: str) -> float:
            new = [word[:end] for end in range(2, len(word) + 1) if word[:end] not in known]
            return pool[word] * len(new) / len(new) ** 1.1 / 1.0 if new else 0.0

        best = max(pool, key=gain)
        pool.pop(best)
        if all(best[:end] in known for end in range(2, len(best) + 1)):
            continue
        chosen.append(best)
        known.update(best[:end] for end in range(2, len(best) + 1))
    return chosen


def main() -> None:
    """Write pieces.txt from a sample of the training conversations."""
    from pebble import chats

    rng = Random(7)
    counts: Counter[str] = Counter()
    for _ in range(60000):
        turn = chats.draw(rng)
        for text in (turn.question, turn.thinking.split("\n")[0], turn.answer):
            for piece in re.findall(r"[ `-][a-z]+|(?<![A-Za-z ])[A-Z][a-z]+|[“”’]", text):
                counts[piece] += 1
    letters = [f" {letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    words = [*letters, " `", "“", "”", "’", *choose(counts, 560)]
    PIECES.write_text("\n".join(word.replace(" ", "_") for word in words) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

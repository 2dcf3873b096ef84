"""Generated Markdown, as models write it and worse: the same document for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable

TEXT = (
    "the quick brown fox *jumps* over **the lazy** dog `code` $x_1^2$ 你好世界这是一个测试 😀 👩‍👩‍👧 \\(a_1 * b_2\\) "
    "[link](http://e.com/x_y) x<br>y ~~no~~ a_b_c * _ ** ` <br> &amp; https://x.y 1. - # é שלום ( foo) end. So! 好。"
)
WORDS = TEXT.split(" ")


def document(seed: int) -> str:
    """One to nine blocks, some of them long, with an unfinished last line at times."""
    draw = random.Random(seed)
    blocks = (
        draw.choice(BLOCKS)(draw) + draw.choice(["\n\n", "\n\n", "\n", "\n\n\n"])
        for _ in range(draw.randint(1, 9))
    )
    return "".join(blocks) + draw.choice(["", "x", "**a", "| a |", "```"])


def chunks(text: str, seed: int, longest: int) -> list[str]:
    """`text` in pieces of random length."""
    draw = random.Random(seed)
    pieces = []
    at = 0
    while at < len(text):
        size = draw.randint(1, longest)
        pieces.append(text[at : at + size])
        at += size
    return pieces


def _words(draw: random.Random, most: int, least: int = 1) -> str:
    return " ".join(draw.choice(WORDS) for _ in range(draw.randint(least, most)))


def _heading(draw: random.Random) -> str:
    return "#" * draw.randint(1, 6) + " " + _words(draw, 4)


def _paragraph(draw: random.Random) -> str:
    return "\n".join(_words(draw, 40) for _ in range(draw.randint(1, 4)))


def _endless(draw: random.Random) -> str:
    return _words(draw, 1200, 500)


def _code(draw: random.Random) -> str:
    language = draw.choice(["python", "", "js", "nosuch", "diff"])
    kinds = ["", "def f(x):", "    return 'a' # b", "x" * 130, "你好" * 30, "\tfoo", "'''", "+ added"]
    lines = [draw.choice(kinds) for _ in range(draw.choice([2, 5, 60, 130]))]
    return "\n".join([f"```{language}", *lines, "```"])


def _indented(draw: random.Random) -> str:
    return "    indented code\n\n" + "    more\n" * draw.choice([1, 50])


def _bullets(draw: random.Random) -> str:
    ends = ["", "", "\n", "\n  more", "\n  - nested", "\n\n  second paragraph\n"]
    marks = ["- ", "- ", "- ", "- [ ] ", "- [x] "]
    return "\n".join(
        f"{draw.choice(marks)}{_words(draw, 25)}{draw.choice(ends)}" for _ in range(draw.randint(1, 14))
    )


def _numbers(draw: random.Random) -> str:
    ends = ["", "", "\n", "\n\n   ```py\n   x=1\n   ```"]
    first = draw.choice([1, 1, 7])
    return "\n".join(
        f"{first + index}. {_words(draw, 20)}{draw.choice(ends)}" for index in range(draw.randint(1, 30))
    )


def _quote(draw: random.Random) -> str:
    return "\n".join(
        draw.choice(["> ", "> ", "> > ", "> - ", ">"]) + _words(draw, 20) for _ in range(draw.randint(1, 5))
    )


def _table(draw: random.Random) -> str:
    columns = draw.randint(1, 6)
    rules = "|".join(draw.choice(["---", ":-:", "--:"]) for _ in range(columns))
    rows = [
        "| " + " | ".join(_words(draw, 6).replace("|", "") for _ in range(columns)) + " |"
        for _ in range(1 + draw.choice([0, 1, 3, 12, 13, 14, 40]))
    ]
    return "\n".join([rows[0], f"|{rules}|", *rows[1:]])


def _math(draw: random.Random) -> str:
    return draw.choice(["$$\n\\sum_{i=1}^n x_i\n- 3 = 4\n$$", "\\[ a_b * c * d \\]", "$$\nnever closed"])


def _rule(draw: random.Random) -> str:
    return draw.choice(["---", "***", "Title\n=====", "Title\n---"])


BLOCKS: tuple[Callable[[random.Random], str], ...] = (
    _heading, _paragraph, _paragraph, _endless, _code, _indented, _bullets, _numbers, _quote, _table, _math, _rule,
)  # fmt: skip

"""Detect that a model repeats itself without end: its last tokens are copies of one run of tokens.

In: the tokens of an answer or of the thinking, one by one, their spelling, and the question. Out: whether they are a
loop by now: prose after 256 tokens of copies, tables and code with words in them after 512 (288 if other rows of the
same form come before), and after 2,048 what may repeat rightly: numbers and signs, what a grammar allows, and lines
that the question asks for.
`tests/bench/looping.py` measures it.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Sequence
from unicodedata import category

PROSE = 256
"""Tokens of repeated prose that are a loop: of SmolLM2's loops most have a period of less than 80 tokens, and songs
repeat no line that long."""

WORDED = 512
"""The same of tables and code with words: twenty equal records of 25 tokens."""

STUCK = 288
"""The same where two rows of the same form with other words come before, and 15 copies: a table whose rows no longer
change. Equal records after other ones are fewer."""

DATA = 2048
"""The same of what may repeat rightly: 50 lines of 40 tokens, a board of 30 by 30 zeros."""

COPIES = 3
"""The least number of whole copies, however long they are."""

FEW_COPIES = 1.75
"""The same where half of what is repeated repeats itself already, as a stanza does whose lines are almost the same. A
draft that is written again is not like that, and a refrain is a smaller part of what returns with it."""

PERIOD = 200
"""The longest period that is looked for, in tokens."""

_REQUEST = 2000  # characters at the end of a question in which it may ask for repetitions: input comes first
_STEP = 8  # tokens between two looks
_GRAM = 8  # tokens that recur within what is repeated
_STUCK_COPIES = 15
_TAIL = 32  # tokens that are searched for in the text before them
_WORD = re.compile(r"\b[^\W\d_]{1,30}\b")  # not 0xff, not snake_case, not base64
_FORMED_WORD = re.compile(r"\w+(?: \w+)*")  # what differs between rows of one form
_CHUNK = re.compile(r"\S*\w\S*")  # the same within a line, where signs differ too
_FIELDS = re.compile(r'[^\W\d_][,;][^\W\d_]|": ')  # of CSV files and of JSON, which have few other signs
_TAG = re.compile(r"<[^<>]*>")
_LITERALS = frozenset(["null", "none", "nil", "nan", "true", "false", "undefined"])
_FILLERS = frozenset(["yes", "no", "tbd", "tba", "todo", "n", "a", "na", "x", "ok", "empty", "unknown"])
_ASKS = re.compile(
    r"\d|\b(times|repeat\w*|forever|mal|fois|veces|vezes|volte|раз)\b|[次遍回번]", re.IGNORECASE
)  # "write it 50 times", in the languages that are asked in most
_SENTENCE_MARKS = frozenset(".,:!?…'\"‘’“”«»-–—*#。，、！？：")  # of prose, and of its Markdown


class LoopGuard:
    """Watches one turn. `constrained`: a grammar may force the repetition. `spell`: the bytes of a token."""

    def __init__(self, spell: Callable[[int], bytes], question: str, *, constrained: bool = False) -> None:
        self._spell = spell
        request = question[-_REQUEST:]
        self._asked = frozenset(_words(request)) if _ASKS.search(request) else frozenset()
        self._constrained = constrained
        self._tokens = array("i")

    def feed(self, token: int) -> bool:
        """Take one more token; whether the tokens so far end in a loop."""
        self._tokens.append(token)
        count = len(self._tokens)
        return count >= PROSE and count % _STEP == 0 and self._loops()

    def restart(self) -> None:
        """Forget what was taken: another text begins."""
        del self._tokens[:]

    def _loops(self) -> bool:
        period = self._period()
        return period is not None and self._repeats(period, self._needed(period))

    def _period(self) -> int | None:
        """The shortest period of the last `PROSE` tokens, and of `FEW_COPIES` periods; None without one."""
        recent = self._tokens[-_TAIL - PERIOD :].tobytes()
        size = self._tokens.itemsize
        tail = recent[-_TAIL * size :]
        end = len(recent)
        while (found := recent.rfind(tail, 0, end - 1)) >= 0:
            end = found + len(tail)
            period, rest = divmod(len(recent) - end, size)
            if rest == 0 and self._repeats(period, max(PROSE, _few_copies(period))):
                return period
        return None

    def _repeats(self, period: int, count: int) -> bool:
        """Whether the last `count` tokens have this period."""
        if count > len(self._tokens):
            return False
        last = self._tokens[-count:]
        return last[period:] == last[:-period]

    def _needed(self, period: int) -> int:
        """How many tokens of copies are a loop."""
        least = _few_copies(period) if self._is_monotonous(period) else COPIES * period
        return max(self._allowed(period), least)

    def _is_monotonous(self, period: int) -> bool:
        """Whether at most half of the runs of `_GRAM` tokens within a period are different ones."""
        size = _GRAM * self._tokens.itemsize
        data = self._tokens[-period - _GRAM + 1 :].tobytes()
        runs = {data[at : at + size] for at in range(0, len(data) - size + 1, self._tokens.itemsize)}
        return 2 * len(runs) <= period

    def _text(self, tokens: Sequence[int]) -> str:
        return b"".join(map(self._spell, tokens)).decode("utf-8", "replace")

    def _allowed(self, period: int) -> int:
        """How many tokens of copies of what is repeated are a loop."""
        text = self._text(self._tokens[-period:])
        if not text.strip():
            return PROSE  # blank lines
        text *= COPIES  # the unit may begin within a word
        words = _inner_words(text)
        if self._constrained or (words and self._asked.issuperset(words)):
            return DATA
        if _is_prose(text, words):
            return PROSE
        names = {word for word in _inner_words(_TAG.sub(" ", text)) if len(word) > 1} - _LITERALS
        if not names:
            return DATA
        stuck = max(STUCK, _STUCK_COPIES * period)
        return stuck if stuck < WORDED and names - _FILLERS and self._is_stuck(period) else WORDED

    def _is_stuck(self, period: int) -> bool:
        """Whether two pieces of the same form, with other words, come before the copies."""
        tokens = self._tokens
        begin = len(tokens) - PROSE
        while begin > 0 and tokens[begin - 1] == tokens[begin - 1 + period]:
            begin -= 1
        before = self._text(self._tokens[max(0, begin - 4 * period - _TAIL) : begin])
        twice = self._text(self._tokens[begin : begin + period]) * 2
        inline = " " in twice and "\n" not in twice
        if inline:
            twice = twice[twice.index(" ") :]  # the unit may begin within a chunk
        differing = _CHUNK if inline else _FORMED_WORD
        return differing.sub("w", before).endswith(differing.sub("w", twice))


def _few_copies(period: int) -> int:
    return int(FEW_COPIES * period)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _inner_words(text: str) -> list[str]:
    """The words without those at both ends, which may be cut, and without lines of one letter."""
    return [word for word in _words(text)[1:-1] if len(set(word)) > 1 or len(word) < 4]


def _is_prose(text: str, words: Sequence[str]) -> bool:
    """Words, and hardly a sign that sentences do not have."""
    letters = sum(map(len, words))
    digits = sum(map(str.isdigit, text))
    signs = sum(category(one)[0] in "PS" and one not in _SENTENCE_MARKS for one in text)
    sentences = 10 * signs <= letters and not _FIELDS.search(text)
    return letters > digits and sentences and not _LITERALS.issuperset(words)

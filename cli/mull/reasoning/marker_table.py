"""The markers that matter in each state of the splitter, compiled once per profile.

In: a profile. Out: for every state a `Table`: what to look for and what it means. A marker that is one special token
is a single symbol here (a lone surrogate, which decoded text never contains), so that spelled-out text cannot match
it; where the tokenizer is unknown, markers are matched as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from itertools import count

from mull.reasoning.markers import chunks
from mull.reasoning.profile import Profile


class State(Enum):
    """Where in its turn the model is."""

    START = auto()  # nothing said yet but white space
    THINK = auto()
    AFTER = auto()  # thinking ended, the answer has not begun
    ANSWER = auto()
    TOOL = auto()  # a tool call nobody asked for
    HEADER = auto()  # header families: between the role and the body
    GAP = auto()  # header families: between two messages of one turn
    END = auto()  # the turn is over


class Act(Enum):
    """What a marker does."""

    THINK = auto()  # thinking begins
    CLOSE = auto()  # thinking ends
    ANSWER = auto()  # the answer begins
    SWALLOW = auto()  # nothing: a stray or repeated marker
    TOOL = auto()
    TOOL_END = auto()
    END = auto()
    BODY = auto()  # a header is complete
    HEADER = auto()  # a header begins, without what was matched
    REHEADER = auto()  # a header begins, with what was matched
    GAP = auto()


@dataclass(frozen=True)
class Table:
    """One state's markers. `prefixes`: every proper beginning of one, to be held back at the end of a piece."""

    acts: dict[str, Act]
    regex: re.Pattern[str] | None
    prefixes: frozenset[str]
    longest: int
    triggers: frozenset[str]
    at_line_start: frozenset[str] = (
        frozenset()
    )  # markers that count only at the start of a line, outside code fences
    tokens: frozenset[str] = frozenset()  # markers that cannot be mistaken for text

    @classmethod
    def of(cls, acts: dict[str, Act], at_line_start: Iterable[str] = (), tokens: Iterable[str] = ()) -> Table:
        spelled = sorted((marker for marker in acts if marker), key=len, reverse=True)
        regex = re.compile("|".join(map(re.escape, spelled))) if spelled else None
        prefixes = frozenset(marker[:length] for marker in spelled for length in range(1, len(marker)))
        return cls(
            acts,
            regex,
            prefixes,
            max(map(len, prefixes), default=0),
            frozenset(marker[0] for marker in spelled),
            frozenset(at_line_start),
            frozenset(tokens),
        )


class Grammar:
    """All tables of one profile, and the symbols of its special tokens."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._symbols: dict[str, str] = {}
        codes = count(0xDC00)
        mine = [
            profile.start,
            profile.end,
            profile.answer_start,
            profile.answer_end,
            profile.header,
            profile.restart,
        ]
        mine += [profile.tool_start, profile.tool_end, profile.tails.head, *profile.turn_ends]
        if not profile.reasons:
            mine += [*SILENT, *SILENT.values()]
        for spelling in sorted(profile.special, key=len, reverse=True):
            if any(marker and spelling in marker for marker in mine):
                self._symbols[spelling] = chr(next(codes))
        self._spellings = {symbol: spelling for spelling, symbol in self._symbols.items()}
        self._special = re.compile("|".join(map(re.escape, self._symbols))) if self._symbols else None
        self.tables = self._header_tables() if profile.header else self._tag_tables()

    @property
    def marking(self) -> frozenset[str]:
        """The spellings of single tokens that are part of any marker."""
        return frozenset(self._symbols)

    def symbols(self, text: str) -> str:
        """Trusted text with its special tokens as symbols."""
        return self._special.sub(lambda match: self._symbols[match.group()], text) if self._special else text

    def symbol(self, spelling: str) -> str | None:
        """The symbol of a special token, if it is part of a marker."""
        return self._symbols.get(spelling)

    def spelled(self, text: str) -> str:
        """Symbols written out again."""
        return (
            "".join(self._spellings.get(character, character) for character in text)
            if self._symbols
            else text
        )

    def _is_token(self, marker: str) -> bool:
        """Can this marker not be mistaken for text: special tokens, or a spelling nobody writes in prose?"""
        return any(symbol in marker for symbol in self._spellings) or bool(
            re.search(r"<\||\|>|<｜|｜>|\[<", marker)
        )

    def _acts(self, *pairs: tuple[str | None, Act]) -> dict[str, Act]:
        """Marker to act; of two acts for one spelling the first counts."""
        acts: dict[str, Act] = {}
        for marker, act in pairs:
            if marker:
                acts.setdefault(self.symbols(marker), act)
        return acts

    def _tag_tables(self) -> dict[State, Table]:
        p = self.profile
        start, end = p.start, p.end
        opened = chunks(start)[0] if start and chunks(start) else None
        head = next(iter(chunks(p.tails.head)[-1:]), None)
        tool: tuple[tuple[str | None, Act], ...] = ((p.tool_start, Act.TOOL),)
        ends = tuple((marker, Act.END) for marker in p.turn_ends)
        silent = () if p.reasons else tuple((opener, Act.THINK) for opener in SILENT)
        first = self._acts(
            (start, Act.THINK),
            (p.answer_start if p.answer_start != end else None, Act.ANSWER),
            (end, Act.CLOSE),
            *tool,
            *ends,
            (p.restart, Act.SWALLOW),
            (head, Act.SWALLOW),
            (opened, Act.SWALLOW),
            *silent,
        )
        think = self._acts((end, Act.CLOSE), (p.answer_start, Act.ANSWER), *tool, *ends, (start, Act.THINK))
        if not p.reasons:
            think |= self._acts(*((closer, Act.CLOSE) for closer in SILENT.values()))
        over = Act.END if self._is_token(self.symbols(p.answer_end or "")) else Act.SWALLOW
        answer = self._acts((p.answer_end, over), *tool, *ends)
        # Where thinking and answer are messages of their own, one marker ends both.
        strays = ((start, Act.THINK), (end, Act.END if p.restart else Act.SWALLOW), (opened, Act.SWALLOW))
        for marker, act in strays:
            if marker and self._is_token(self.symbols(marker)):
                answer.setdefault(self.symbols(marker), act)
        plain = {
            marker for marker in self._acts(*tool, (p.answer_start, Act.ANSWER)) if not self._is_token(marker)
        } - {self.symbols(end or "")}
        after: dict[str, Act] = {
            marker: Act.SWALLOW if act is Act.CLOSE else act for marker, act in first.items()
        }
        tools = self._acts((p.tool_end, Act.TOOL_END), *ends)
        return {
            State.START: Table.of(first),
            State.AFTER: Table.of(after),
            State.THINK: Table.of(think, plain, filter(self._is_token, think)),
            State.ANSWER: Table.of(answer, plain),
            State.TOOL: Table.of(tools),
            State.END: Table.of({}),
        }

    def _header_tables(self) -> dict[State, Table]:
        p = self.profile
        begins = next(iter(chunks(p.restart or "")), None)
        channel = next(iter(chunks(p.start or "")), None)
        again = (
            (p.restart, Act.HEADER),
            (begins, Act.HEADER),
            (channel if channel != p.header else None, Act.REHEADER),
        )
        ends = tuple((marker, Act.END) for marker in p.turn_ends)
        body = Table.of(self._acts(*ends, (p.end, Act.GAP), *again))
        return {
            State.HEADER: Table.of(self._acts((p.header, Act.BODY), *again[:2], *ends, (p.end, Act.GAP))),
            State.GAP: Table.of(self._acts(*again, (p.header, Act.BODY), *ends, (p.end, Act.SWALLOW))),
            State.THINK: body,
            State.ANSWER: body,
            State.TOOL: body,
            State.END: Table.of({}),
        }


SILENT = {  # what models without a word in their template emit
    "<think>": "</think>",
    "[THINK]": "[/THINK]",
    "◁think▷": "◁/think▷",
    "<seed:think>": "</seed:think>",
    "<|START_THINKING|>": "<|END_THINKING|>",
    "<|begin_of_thought|>": "<|end_of_thought|>",
}


@lru_cache(maxsize=32)
def grammar(profile: Profile) -> Grammar:
    """The profile's grammar, made once."""
    return Grammar(profile)

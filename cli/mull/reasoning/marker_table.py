"""The markers that count in each state of the splitter, compiled once per profile.

In: a profile. Out: for each state its markers and what each one does. A marker that is one special token is represented
by a single symbol (a lone surrogate, which decoded text never contains), so that spelled-out text cannot match it.
Where the tokenizer is unknown, markers are matched as text.
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


class TurnState(Enum):
    """The splitter's state: where in its turn the model is."""

    START = auto()  # nothing but white space so far
    THINK = auto()
    AFTER = auto()  # thinking ended, the answer has not begun
    ANSWER = auto()
    TOOL = auto()  # inside an unrequested tool call
    HEADER = auto()  # in families with headers: between the role and the body
    GAP = auto()  # in families with headers: between two messages of one turn
    END = auto()  # the turn is over


class Action(Enum):
    """What a marker does in a state."""

    THINK = auto()  # thinking begins
    CLOSE = auto()  # thinking ends
    ANSWER = auto()  # the answer begins
    SWALLOW = auto()  # discard a stray or repeated marker
    TOOL = auto()
    TOOL_END = auto()
    END = auto()
    BODY = auto()  # a header is complete
    HEADER = auto()  # a header begins after the match
    REHEADER = auto()  # a header begins with the match
    GAP = auto()
    UNWRAP = auto()  # the answer's wrapper ends


@dataclass(frozen=True)
class StateMarkers:
    """One state's markers.

    `prefixes` are the markers' proper prefixes, held back at the end of a piece; `triggers` their first characters.
    """

    actions: dict[str, Action]
    regex: re.Pattern[str] | None
    prefixes: frozenset[str]
    longest: int
    triggers: frozenset[str]
    at_line_start: frozenset[str] = (
        frozenset()
    )  # markers that count only at the start of a line, outside code fences
    tokens: frozenset[str] = frozenset()  # markers that cannot occur as plain text

    @classmethod
    def of(
        cls, actions: dict[str, Action], at_line_start: Iterable[str] = (), tokens: Iterable[str] = ()
    ) -> StateMarkers:
        spelled = sorted((marker for marker in actions if marker), key=len, reverse=True)
        regex = re.compile("|".join(map(re.escape, spelled))) if spelled else None
        prefixes = frozenset(marker[:length] for marker in spelled for length in range(1, len(marker)))
        return cls(
            actions,
            regex,
            prefixes,
            max(map(len, prefixes), default=0),
            frozenset(marker[0] for marker in spelled),
            frozenset(at_line_start),
            frozenset(tokens),
        )


class MarkerTable:
    """The markers of all states for one profile, and the symbols of its special tokens."""

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
        mine += [profile.tool_start, profile.tool_end, profile.prompts.header, *profile.turn_ends]
        pairs = _wrappers(profile)
        mine += [*pairs, *pairs.values(), *FRAMES]
        if not profile.reasons:
            mine += [*DEFAULT_TAGS, *DEFAULT_TAGS.values()]
        for spelling in sorted(profile.special, key=len, reverse=True):
            if any(marker and spelling in marker for marker in mine):
                self._symbols[spelling] = chr(next(codes))
        self._spellings = {symbol: spelling for spelling, symbol in self._symbols.items()}
        self._special = re.compile("|".join(map(re.escape, self._symbols))) if self._symbols else None
        self.wrappers = {self.symbols(opening): self.symbols(closing) for opening, closing in pairs.items()}
        self.guessed = frozenset() if profile.answer_start else frozenset(self.wrappers)
        self.frames = frozenset(map(self.symbols, FRAMES))
        self.by_line = profile.header is not None and not chunks(profile.header)
        self.tables = self._header_tables() if profile.header else self._tag_tables()

    @property
    def marking(self) -> frozenset[str]:
        """The spellings of special tokens that are part of any marker."""
        return frozenset(self._symbols)

    def symbols(self, text: str) -> str:
        """Replace special tokens in trusted text by their symbols."""
        return self._special.sub(lambda match: self._symbols[match.group()], text) if self._special else text

    def symbol(self, spelling: str) -> str | None:
        """The symbol of a special token that is part of a marker, else None."""
        return self._symbols.get(spelling)

    def spelled(self, text: str) -> str:
        """Replace symbols by the spellings of their tokens."""
        return (
            "".join(self._spellings.get(character, character) for character in text)
            if self._symbols
            else text
        )

    def _is_token(self, marker: str) -> bool:
        """Whether this marker cannot occur as plain text: special tokens, or a spelling that prose never contains."""
        return any(symbol in marker for symbol in self._spellings) or bool(
            re.search(r"<\||\|>|<｜|｜>|\[<", marker)
        )

    def _actions(self, *pairs: tuple[str | None, Action]) -> dict[str, Action]:
        """Map markers to actions; the first of two actions for one spelling wins."""
        actions: dict[str, Action] = {}
        for marker, action in pairs:
            if marker:
                actions.setdefault(self.symbols(marker), action)
        return actions

    def _tag_tables(self) -> dict[TurnState, StateMarkers]:
        p = self.profile
        start, end = p.start, p.end
        opened = chunks(start)[0] if start and chunks(start) else None
        head = next(iter(chunks(p.prompts.header)[-1:]), None)
        tool: tuple[tuple[str | None, Action], ...] = ((p.tool_start, Action.TOOL),)
        ends = tuple((marker, Action.END) for marker in p.turn_ends)
        default_tags = () if p.reasons else tuple((opener, Action.THINK) for opener in DEFAULT_TAGS)
        first = self._actions(
            (start, Action.THINK),
            (p.answer_start if p.answer_start != end else None, Action.ANSWER),
            (end, Action.CLOSE),
            *tool,
            *ends,
            (p.restart, Action.SWALLOW),
            (head, Action.SWALLOW),
            (opened, Action.SWALLOW),
            *default_tags,
            *((opening, Action.ANSWER) for opening in _wrappers(p) if opening not in AFTER_THINKING),
            *((frame, Action.SWALLOW) for frame in FRAMES),
        )
        think = self._actions(
            (end, Action.CLOSE),
            (p.answer_start, Action.ANSWER),
            *tool,
            *ends,
            (start, Action.THINK),
        )
        if not p.reasons:
            think |= self._actions(*((closer, Action.CLOSE) for closer in DEFAULT_TAGS.values()))
        over = Action.END if self._is_token(self.symbols(p.answer_end or "")) else Action.UNWRAP
        closings = ((closing, Action.UNWRAP) for closing in _wrappers(p).values())
        framed = tuple((frame, Action.SWALLOW) for frame in FRAMES)
        answer = self._actions((p.answer_end, over), *closings, *tool, *ends, *framed)
        # Where thinking and answer are separate messages, one marker ends both.
        strays = (
            (start, Action.THINK),
            (end, Action.END if p.restart else Action.SWALLOW),
            (opened, Action.SWALLOW),
        )
        for marker, action in strays:
            if marker and self._is_token(self.symbols(marker)):
                answer.setdefault(self.symbols(marker), action)
        plain = {
            marker
            for marker in self._actions(*tool, (p.answer_start, Action.ANSWER))
            if not self._is_token(marker)
        } - {self.symbols(end or "")}
        after: dict[str, Action] = {
            marker: Action.SWALLOW if action is Action.CLOSE else action for marker, action in first.items()
        } | self._actions(*((opening, Action.ANSWER) for opening in _wrappers(p)))
        tools = self._actions((p.tool_end, Action.TOOL_END), *ends)
        return {
            TurnState.START: StateMarkers.of(first),
            TurnState.AFTER: StateMarkers.of(after),
            TurnState.THINK: StateMarkers.of(think, plain, filter(self._is_token, think)),
            TurnState.ANSWER: StateMarkers.of(answer, plain),
            TurnState.TOOL: StateMarkers.of(tools),
            TurnState.END: StateMarkers.of({}),
        }

    def _header_tables(self) -> dict[TurnState, StateMarkers]:
        p = self.profile
        begins = next(iter(chunks(p.restart or "")), None)
        channel = next(iter(chunks(p.start or "")), None)
        again = (
            (p.restart, Action.HEADER),
            (begins, Action.HEADER),
            (channel if channel != p.header else None, Action.REHEADER),
        )
        ends = tuple((marker, Action.END) for marker in p.turn_ends)
        body = StateMarkers.of(self._actions(*ends, (p.end, Action.GAP), *again))
        # Where a header is a line, nothing in the answer's end says that the turn is over, and nothing follows it.
        last = self._actions((p.end, Action.END), *ends, *again) if self.by_line else None
        return {
            TurnState.HEADER: StateMarkers.of(
                self._actions((p.header, Action.BODY), *again[:2], *ends, (p.end, Action.GAP))
            ),
            TurnState.GAP: StateMarkers.of(
                self._actions(*again, (p.header, Action.BODY), *ends, (p.end, Action.SWALLOW))
            ),
            TurnState.THINK: body,
            TurnState.ANSWER: StateMarkers.of(last) if last else body,
            TurnState.TOOL: body,
            TurnState.END: StateMarkers.of({}),
        }


# Wrappers of an answer that count at its very beginning although no template spells them, and those that count only
# right after thinking: at the beginning of a turn they are more likely what was requested.
AFTER_THINKING = {f"<{name}>": f"</{name}>" for name in ("response", "solution", "output", "final")}
WRAPPERS = AFTER_THINKING | {
    "<answer>": "</answer>",
    "<final_answer>": "</final_answer>",
    **{
        f"<|begin_of_{name}|>": f"<|end_of_{name}|>"
        for name in ("answer", "solution", "response", "output", "final_answer")
    },
}
FRAMES = ("<|begin_of_box|>", "<|end_of_box|>")
"""What some models write around the result within an answer; removed unless the conversation spells it."""


def _wrappers(profile: Profile) -> dict[str, str]:
    """The tags that may wrap an answer of this model."""
    if profile.header:
        return {}
    if profile.answer_start is None:
        return WRAPPERS
    return {profile.answer_start: profile.answer_end} if profile.answer_end else {}


DEFAULT_TAGS = {  # tags to expect from a model whose template does not mention thinking
    "<think>": "</think>",
    "[THINK]": "[/THINK]",
    "◁think▷": "◁/think▷",
    "<seed:think>": "</seed:think>",
    "<|START_THINKING|>": "<|END_THINKING|>",
    "<|begin_of_thought|>": "<|end_of_thought|>",
}


@lru_cache(maxsize=32)
def marker_table(profile: Profile) -> MarkerTable:
    """The profile's marker table, cached."""
    return MarkerTable(profile)

"""Render messages to prompt segments, each trusted (the template's own text) or not (text from messages).

Every untrusted character except white space goes through the template as a private-use character assigned for this one
rendering, so the output shows the origin of each character. Trimming, slicing and joining still work; a test for
`</think>` in an old answer finds nothing. Where a template changes characters (escapes, upper case), untrusted text is
rendered with its brackets broken up instead. Text whose origin cannot be traced is never trusted.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Self

from mull.chat_template.template import HINT, NO_ARGUMENTS, Template
from mull.dataclass import dataclass
from mull.errors import TemplateError

FIRST, LAST = 0xF0000, 0x10FFFD  # planes 15 and 16: private use, never white space, without case
SKIPPED = (0xFFFFE, 0xFFFFF)  # noncharacters between the two planes
OWN_KEYS = frozenset(["role", "type"])  # keys whose values are ours, not text from messages
# White space between substituted characters counts as untrusted too.
PRIVATE = re.compile(
    "[\U000f0000-\U000ffffd\U00100000-\U0010fffd]+(?:\\s+[\U000f0000-\U000ffffd\U00100000-\U0010fffd]+)*"
)
PROBE = "Ab9 zß\tÉ漢字\n\n <|x|> [y] {z} & \"q\" 'r' \\n /s #t %u </v> 😀 mM"
BRACKET = re.compile(r"[<>\[\]{}|｜〈〉《》【】◁▷]")
SPELLED = re.compile(r"(<[^\s<>]+>|\[[^\s\[\]]+\]|\][^\s\[\]]+\]|\[[^\s\[\]]+\[|〈[^\s〈〉]+〉|◁[^\s◁▷]+▷)")


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the prompt. Trusted text may contain control tokens; untrusted text never does."""

    text: str
    trusted: bool


class MixedText(str):
    """A message's text with trusted parts in it (a family's switch word). The text is `parts` joined."""

    parts: tuple[Segment, ...]

    def __new__(cls, *parts: Segment) -> Self:
        text = super().__new__(cls, "".join(part.text for part in parts))
        text.parts = parts
        return text


def render(
    template: Template | None,
    messages: Sequence[Mapping[str, Any]],
    *,
    arguments: Mapping[str, Any] = NO_ARGUMENTS,
    prefill: str = "",
) -> tuple[Segment, ...]:
    """The prompt for the next assistant turn; `prefill` (trusted) begins that turn. Raises `TemplateError`.

    Without a template (a base model) the prompt consists of the texts only.
    """
    if template is None:
        text = "\n\n".join(str(message["content"]) for message in messages)
        return _segments([(text, False), (prefill, True)])
    now = datetime.now()  # templates may state the user's local date
    if _is_traceable(template, _kinds(messages), repr(sorted(arguments.items()))):
        pieces = _substituted(template, messages, arguments, now)
    else:
        pieces = _bracket_free(template, messages, arguments, now)
    return _segments([*pieces, (prefill, True)])


class _Substitution:
    """Substitute private-use characters for the characters of some texts, one to one, avoiding those in `taken`."""

    def __init__(self, texts: Iterable[str], taken: str) -> None:
        used = (
            {ord(character) for character in taken if character >= chr(FIRST)}
            if PRIVATE.search(taken)
            else set()
        )
        self._shared = bool(used)  # the template contains private-use characters itself
        free = (code for code in range(FIRST, LAST + 1) if code not in used and code not in SKIPPED)
        wanted = sorted({character for text in texts for character in set(text) if not character.isspace()})
        # With more than 131,068 different characters in a conversation, the rest share the last one and become U+FFFD.
        self._hide = {ord(character): next(free, LAST) for character in wanted}
        self._show = {hidden: plain for plain, hidden in self._hide.items()}
        if len(self._show) < len(self._hide):
            self._show[LAST] = 0xFFFD

    def substitute(self, messages: Sequence[Mapping[str, Any]]) -> Any:
        """A copy of the messages with all untrusted text substituted."""
        return _replaced(messages, lambda text: text.translate(self._hide))

    def restore(self, rendered: str) -> list[tuple[str, bool]]:
        """The rendering as (text, trusted) pieces, with the original characters."""
        pieces: list[tuple[str, bool]] = []
        at = 0
        for match in PRIVATE.finditer(rendered):
            pieces += [(rendered[at : match.start()], True), *self._untrusted(match.group())]
            at = match.end()
        return [*pieces, (rendered[at:], True)]

    def _untrusted(self, run: str) -> list[tuple[str, bool]]:
        if not self._shared:
            return [(run.translate(self._show), False)]
        own = [ord(character) not in self._show and not character.isspace() for character in run]
        return list(zip(run.translate(self._show), own, strict=True))


def _texts(value: Any) -> Iterable[str]:
    """All untrusted text in messages."""
    if isinstance(value, MixedText):
        yield from (part.text for part in value.parts if not part.trusted)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key not in OWN_KEYS:
                yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)


# ---- templates that change the characters of text


def _kinds(messages: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The distinct shapes of messages in a conversation, each with probe texts, as Python literals."""
    return tuple(dict.fromkeys(repr(_with_probe_text(message)) for message in messages))


def _with_probe_text(value: Any) -> Any:
    """The same shape with the probe text in every place."""
    if isinstance(value, str):
        return PROBE
    if isinstance(value, Mapping):
        return {key: item if key in OWN_KEYS else _with_probe_text(item) for key, item in value.items()}
    return [_with_probe_text(item) for item in value] if isinstance(value, (list, tuple)) else value


@lru_cache(maxsize=64)
def _is_traceable(template: Template, kinds: tuple[str, ...], arguments: str) -> bool:
    """Whether this template renders substituted text exactly where and as it would render plain text.

    Tested once with a short conversation of the same message shapes and harmless texts, so that any difference is due
    to the template. (Real texts may differ legitimately: the template looks for its markers in them and finds none.)
    """
    known = template.facts.get("traceable", kinds, arguments)
    if isinstance(known, bool):
        return known
    once = [ast.literal_eval(kind) for kind in kinds]
    messages = [*once, *(message for message in once if message["role"] != "system")]
    last = next((message for message in once if message["role"] == "user"), None)
    if last is not None and messages[-1]["role"] != "user":
        messages.append(last)
    given = dict(ast.literal_eval(arguments))
    now = datetime.now()
    try:
        plain = template.render(messages, arguments=given, now=now)
    except TemplateError as error:  # substitution is safe for the real conversation
        if error.code == "chat_template_refused":
            template.facts.put(True, "traceable", kinds, arguments)
        return True
    found = "".join(text for text, _ in _substituted(template, messages, given, now)) == plain
    template.facts.put(found, "traceable", kinds, arguments)
    return found


def _substituted(
    template: Template, messages: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any], now: datetime
) -> list[tuple[str, bool]]:
    """The pieces of a rendering with substituted texts."""
    substitution = _Substitution(_texts(messages), template.source + template.spelled)
    return substitution.restore(
        template.render(substitution.substitute(messages), arguments=arguments, now=now)
    )


def _bracket_free(
    template: Template, messages: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any], now: datetime
) -> list[tuple[str, bool]]:
    """The pieces of a rendering with texts altered to spell no marker; only what is in brackets is trusted."""
    expected = SPELLED.findall(
        template.render(
            _replaced(messages, lambda text: re.sub(r"\S+", "x", text)), arguments=arguments, now=now
        )
    )
    for change in (lambda text: BRACKET.sub(r" \g<0> ", text), lambda text: re.sub(r"[^\w\s]", " ", text)):
        rendered = template.render(_replaced(messages, change), arguments=arguments, now=now)
        if SPELLED.findall(rendered) == expected:
            parts = SPELLED.split(rendered)
            return [(text, bool(index % 2)) for index, text in enumerate(parts)]
    raise TemplateError(
        "chat_template_unsafe",
        "The model's chat template mixes its markers with your text so that they cannot be told apart.",
        HINT,
    )


def _replaced(value: Any, change: Callable[[str], str]) -> Any:
    """A copy of messages with every untrusted text changed."""
    if isinstance(value, MixedText):
        return "".join(part.text if part.trusted else change(part.text) for part in value.parts)
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: item if key in OWN_KEYS else _replaced(item, change) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_replaced(item, change) for item in value]
    return value


def _segments(pieces: Iterable[tuple[str, bool]]) -> tuple[Segment, ...]:
    """Join adjacent pieces of equal trust and drop empty ones."""
    joined: list[tuple[str, bool]] = []
    for text, trusted in pieces:
        if joined and joined[-1][1] == trusted:
            joined[-1] = (joined[-1][0] + text, trusted)
        elif text:
            joined.append((text, trusted))
    return tuple(Segment(text, trusted) for text, trusted in joined)

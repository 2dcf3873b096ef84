"""Messages to prompt segments, each trusted (the template's own text) or not (anybody else's).

Every character of untrusted text, white space aside, goes through the template as a private-use character assigned
for this one rendering, so the template cannot confuse it with its own text and the result shows where each character
came from. Trimming, slicing and joining work as ever; a test for `</think>` in an old answer finds nothing, and the
answer stays plain text. Where a template changes text in ways that lose those characters (escapes, upper case), the
prompt is rendered from texts whose brackets are broken up, and everything that came from them stays apart as well as
can be told. Nothing untrusted is ever called trusted because it could not be followed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Self

from mull.chat_template.template import HINT, NO_ARGUMENTS, Template
from mull.errors import TemplateError

FIRST, LAST = 0xF0000, 0x10FFFD  # planes 15 and 16: private use, never white space, without case
SKIPPED = (0xFFFFE, 0xFFFFF)  # noncharacters between the two planes
OWN_KEYS = frozenset(["role", "type"])  # keys whose values are ours, not anybody's text
# White space between disguised characters stands between foreign words, and is taken for foreign itself.
PRIVATE = re.compile(
    "[\U000f0000-\U000ffffd\U00100000-\U0010fffd]+(?:\\s+[\U000f0000-\U000ffffd\U00100000-\U0010fffd]+)*"
)
PROBE = "Ab9 zß\tÉ漢字\n\n <|x|> [y] {z} & \"q\" 'r' \\n /s #t %u </v> 😀 mM"
BRACKET = re.compile(r"[<>\[\]{}|｜〈〉《》【】◁▷]")
SPELLED = re.compile(r"(<[^\s<>]+>|\[[^\s\[\]]+\]|\][^\s\[\]]+\]|\[[^\s\[\]]+\[|〈[^\s〈〉]+〉|◁[^\s◁▷]+▷)")


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the prompt. Trusted text may contain control tokens; untrusted text never does."""

    text: str
    trusted: bool


class MixedText(str):
    """A message's text of which parts are ours (a family's switch word): `parts` joined is the text."""

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

    Without a template the model is a base model: it gets the texts and nothing else.
    """
    if template is None:
        text = "\n\n".join(str(message["content"]) for message in messages)
        return _segments([(text, False), (prefill, True)])
    now = datetime.now()  # templates tell the model the user's own date
    if _is_traceable(template, _kinds(messages), repr(sorted(arguments.items()))):
        pieces = _substituted(template, messages, arguments, now)
    else:
        pieces = _bracket_free(template, messages, arguments, now)
    return _segments([*pieces, (prefill, True)])


class _Substitution:
    """Private-use characters for the characters of some texts, one to one, avoiding those in `taken`."""

    def __init__(self, texts: Iterable[str], taken: str) -> None:
        used = (
            {ord(character) for character in taken if character >= chr(FIRST)}
            if PRIVATE.search(taken)
            else set()
        )
        self._shared = bool(used)  # the template has private-use characters of its own
        free = (code for code in range(FIRST, LAST + 1) if code not in used and code not in SKIPPED)
        wanted = sorted({character for text in texts for character in set(text) if not character.isspace()})
        # More than 131,068 different characters in one conversation: the rest share the last one and show as U+FFFD.
        self._hide = {ord(character): next(free, LAST) for character in wanted}
        self._show = {hidden: plain for plain, hidden in self._hide.items()}
        if len(self._show) < len(self._hide):
            self._show[LAST] = 0xFFFD

    def on(self, messages: Sequence[Mapping[str, Any]]) -> Any:
        """A copy of the messages with all foreign text disguised."""
        return _replaced(messages, lambda text: text.translate(self._hide))

    def off(self, rendered: str) -> list[tuple[str, bool]]:
        """The rendering as (text, trusted) pieces, undisguised."""
        pieces: list[tuple[str, bool]] = []
        at = 0
        for match in PRIVATE.finditer(rendered):
            pieces += [(rendered[at : match.start()], True), *self._foreign(match.group())]
            at = match.end()
        return [*pieces, (rendered[at:], True)]

    def _foreign(self, run: str) -> list[tuple[str, bool]]:
        if not self._shared:
            return [(run.translate(self._show), False)]
        own = [ord(character) not in self._show and not character.isspace() for character in run]
        return list(zip(run.translate(self._show), own, strict=True))


def _texts(value: Any) -> Iterable[str]:
    """All foreign text in messages."""
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


# ---- templates that change text beyond recognition


def _kinds(messages: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The kinds of messages in a conversation, in order of appearance: each as a harmless one, spelled as Python."""
    return tuple(dict.fromkeys(repr(_harmless(message)) for message in messages))


def _harmless(value: Any) -> Any:
    """The same shape with a probing text in every place."""
    if isinstance(value, str):
        return PROBE
    if isinstance(value, Mapping):
        return {key: item if key in OWN_KEYS else _harmless(item) for key, item in value.items()}
    return [_harmless(item) for item in value] if isinstance(value, (list, tuple)) else value


@lru_cache(maxsize=64)
def _is_traceable(template: Template, kinds: tuple[str, ...], arguments: str) -> bool:
    """Does disguised text come out of this template where and as plain text would?

    Tried once with a short conversation of the same kinds of messages, all harmless, so that a difference is the
    template's doing. (With the real texts it may differ for a good reason: the template looks for its own markers in
    somebody's text, and finds none.)
    """
    once = [ast.literal_eval(kind) for kind in kinds]
    messages = [*once, *(message for message in once if message["role"] != "system")]
    last = next((message for message in once if message["role"] == "user"), None)
    if last is not None and messages[-1]["role"] != "user":
        messages.append(last)
    given = dict(ast.literal_eval(arguments))
    now = datetime.now()
    try:
        plain = template.render(messages, arguments=given, now=now)
    except TemplateError:
        return (
            True  # it refuses this conversation; the real one, if it is not refused, is followed all the same
        )
    return "".join(text for text, _ in _substituted(template, messages, given, now)) == plain


def _substituted(
    template: Template, messages: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any], now: datetime
) -> list[tuple[str, bool]]:
    """The pieces of the rendering of disguised texts."""
    disguise = _Substitution(_texts(messages), template.source + template.bos + template.eos)
    return disguise.off(template.render(disguise.on(messages), arguments=arguments, now=now))


def _bracket_free(
    template: Template, messages: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any], now: datetime
) -> list[tuple[str, bool]]:
    """A rendering of altered texts that spell no control token; only what is spelled in brackets is trusted."""
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
        "The model's chat template mixes its own markers with your text beyond telling.",
        HINT,
    )


def _replaced(value: Any, change: Callable[[str], str]) -> Any:
    """A copy of messages with every foreign text changed."""
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
    """Pieces joined where neighbours agree, without empty ones."""
    joined: list[tuple[str, bool]] = []
    for text, trusted in pieces:
        if joined and joined[-1][1] == trusted:
            joined[-1] = (joined[-1][0] + text, trusted)
        elif text:
            joined.append((text, trusted))
    return tuple(Segment(text, trusted) for text, trusted in joined)

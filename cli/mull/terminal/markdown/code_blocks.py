"""The fenced code blocks of an answer, for `ask -x` and the chat's `/copy code`.

In: Markdown. Out: the text between the fences, as a file would hold it. The parser that draws the answer finds them:
also in lists and quotes, shorter fences inside longer ones, `~~~`, and an unclosed fence, which extends to the end.
"""

from __future__ import annotations

from mull.dataclass import dataclass
from mull.terminal.markdown.parser import parse


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """One block; `language` is the first word after its fence, in lower case, or empty."""

    language: str
    text: str


def code_blocks(answer: str) -> list[CodeBlock]:
    """Every fenced block, in order."""
    fences = [token for token in parse(answer) if token.type == "fence"]
    return [
        CodeBlock(next(iter(token.info.lower().split()), "").strip("{}.").partition(",")[0], token.content)
        for token in fences
    ]


def pick(answer: str, *, last: bool = False, language: str = "") -> str | None:
    """The first or the last block, of this language if one is given; None if there is none."""
    found = [code.text for code in code_blocks(answer) if not language or code.language == language.lower()]
    return found[-1 if last else 0] if found else None

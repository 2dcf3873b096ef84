"""The fenced code blocks of an answer.

In: Markdown. Out: what stands between the fences, as a program would want it in a file. Fences in lists and quotes
count, longer ones hold shorter ones, `~~~` is a fence, and one that is never closed reaches to the end: what the
Markdown parser says, which also draws them.
"""

from __future__ import annotations

from dataclasses import dataclass

from mull.terminal.markdown.parser import parse


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """One block; `language` is the first word after its fence, in small letters, perhaps none."""

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
    """The first block, or the last, of those of the language if one is named; None where there is none."""
    found = [code.text for code in code_blocks(answer) if not language or code.language == language.lower()]
    return found[-1 if last else 0] if found else None

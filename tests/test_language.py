"""Plain words where users read: the docs, and every text in the sources that is not a docstring.

The field has words for what mull does. A phrase below stood for one of them once, or is bad English, and stays out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Each banned phrase, as a pattern, and what to write.
BANNED = {
    r"(is|are|was|be|being|been) told(?! apart)": "is reported, is shown",
    r"tells? of|told of": "reports, shows, says",
    r"nobody": "no one; or name the agent: no process, no model",
    r"guess(es|ed|ing)? (it )?(ahead|again)": "draft, speculative decoding",
    r"who guesses|guesser": "draft model, prompt lookup",
    r"(goes|going) on|(go|went) on with": "continues, resumes",
    r"anew|afresh": "again, from the start",
    r"held to|hold .{0,20} to (a|the|its|this) (form|schema|grammar)": "constrained to",
    r"as is quicker": "automatic",
    r"of its own accord": "by itself",
    r"a thing of its own": "separate",
    r"by its word|at its word": "by name",
    r"shelf": "prompt cache, store",
    r"reckons?": "computes, does sums",
    r"gives? way|let in|crowded|parked": "preempt, admit, queue",
    r"no such thing": "name what is missing",
    r"has it that": "says",
    r"begins with flash|is turned|turned for": "flash attention, transposed",
    r"slower way round|got round": "say what is disabled",
    r"(?<!there )is no (text|utf-8|json|gguf|field|file|address|question|name|number|image)": "is not a",
    r"is not there": "does not exist",
    r"side by side": "in parallel, batched",
    r"mend(s|ed)?": "correct, fix, repair",
}
PATTERN = re.compile("|".join(rf"\b(?:{phrase})\b" for phrase in BANNED), re.IGNORECASE)


def sources() -> list[Path]:
    users_words = ROOT / "cli" / "mull" / "models" / "builtin" / "vocabulary.py"
    return sorted(path for path in (ROOT / "cli" / "mull").rglob("*.py") if path != users_words)


def pages() -> list[Path]:
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and value of each string literal (the fixed parts of an f-string) that is not a docstring."""
    docstrings = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
            yield node.lineno, node.value


def banned(lines: Iterable[tuple[int, str]]) -> list[str]:
    return [
        f"{number}: {found.group()!r} in {text.strip()[:100]!r}"
        for number, text in lines
        for found in PATTERN.finditer(text)
    ]


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_pages(path: Path) -> None:
    assert not banned(enumerate(path.read_text(encoding="utf-8").splitlines(), 1))


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_messages(path: Path) -> None:
    assert not banned(texts(ast.parse(path.read_text(encoding="utf-8"))))


def test_the_finder_reads_messages_and_not_docstrings() -> None:
    source = (
        '"""Nobody."""\ndef f(x):\n    """Anew."""\n    # shelf\n    say(f"{x} goes on", "There is no x.")\n'
    )
    assert banned(texts(ast.parse(source))) == ["5: 'goes on' in 'goes on'"]
    assert banned([(1, "Going on, the lines are told apart; held together.")]) == [
        "1: 'Going on' in 'Going on, the lines are told apart; held together.'"
    ]

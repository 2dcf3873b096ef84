"""Whether the Python function of a reply passes its tests, run in the sandbox (`evaluation/sandbox/`).

In: a question with the function's name and tests, a reply. Out: a `Verdict`. The code is the last fenced block that
defines the function, else the reply from its first line of code on. Its results are compared here, outside the sandbox.
"""

from __future__ import annotations

import math
import re
from typing import Any

from mull.evaluation.questions import EvalQuestion
from mull.evaluation.sandbox.run import EVERYTHING, isolation, run
from mull.evaluation.verdict import Reply, Verdict
from mull.terminal.console.quantities import counted

_LONGEST = 100_000  # characters of code
_FENCE = re.compile(r"[ \t]{0,3}(`{3,}|~{3,})[ \t]*([\w+-]*)")
_BEGINS = re.compile(r"(?:def|class|import|from|async|@)\b|@")
_permitted = False


def allow_unisolated() -> None:
    """Run code where the system cannot isolate it, as `--allow-code` says."""
    global _permitted  # noqa: PLW0603 - of the process, like the flag
    _permitted = True


def not_isolated() -> frozenset[str]:
    """What code can reach on this system: a subset of files, network, processes."""
    return EVERYTHING - isolation()


def runs_here() -> bool:
    """Whether code is run at all: where it can start no process and reach no network, or the user allows it."""
    return _permitted or "processes" in isolation()


def judge_code(question: EvalQuestion, reply: Reply) -> Verdict:
    """Right if every test gives what is expected."""
    code = code_of(reply.answer, question.entry)
    if not code:
        return Verdict(False, f"it has no function {question.entry}")
    if len(code) > _LONGEST:
        return Verdict(False, "the code is too long")
    found = run(code, question.entry, [given for given, _ in question.tests], allow=_permitted)
    if not (_permitted or "processes" in found.isolated):
        return Verdict(False, "code is not run here")
    for number, (_, expected) in enumerate(question.tests):
        if number in found.results and same(found.results[number], expected):
            continue
        if number in found.results:
            return Verdict(False, f"test {number + 1}: another result")
        why = found.errors.get(number) or found.failed or "no result"
        return Verdict(False, f"test {number + 1}: {why}")
    return Verdict(True, f"it passes {counted(len(question.tests), 'test')}")


def code_of(answer: str, entry: str) -> str:
    """The code that defines the function; empty if there is none."""
    defines = re.compile(rf"^[ \t]*(?:async[ \t]+)?def[ \t]+{re.escape(entry)}\b", re.MULTILINE)
    blocks = _blocks(answer)
    for block in reversed(blocks):
        if defines.search(block):
            return block
    if blocks or not defines.search(answer):
        return ""
    lines = answer.split("\n")
    start = next((number for number, line in enumerate(lines) if _BEGINS.match(line)), len(lines))
    return "\n".join(lines[start:])


def _blocks(answer: str) -> list[str]:
    """The contents of fenced blocks, one that is not closed too; indented fences lose their indentation."""
    blocks: list[list[str]] = []
    fence = ""
    for line in answer.split("\n"):
        found = _FENCE.match(line)
        if not fence and found:
            fence = found[1]
            blocks.append([])
        elif fence and found and found[1].startswith(fence) and not found[2]:
            fence = ""
        elif fence:
            blocks[-1].append(line)
    return ["\n".join(block) for block in blocks]


def same(result: Any, expected: Any) -> bool:
    """Equal as JSON: numbers by value (floats to nine digits), true and false are no numbers, lists in order."""
    if isinstance(result, bool) or isinstance(expected, bool):
        return result is expected
    if isinstance(result, int | float) and isinstance(expected, int | float):
        if isinstance(result, int) and isinstance(expected, int):
            return result == expected
        try:
            return math.isclose(result, expected, rel_tol=1e-9, abs_tol=1e-9)
        except OverflowError:  # an integer beyond all floats
            return False
    if isinstance(result, list) and isinstance(expected, list):
        return len(result) == len(expected) and all(map(same, result, expected))
    if isinstance(result, dict) and isinstance(expected, dict):
        return result.keys() == expected.keys() and all(same(result[key], expected[key]) for key in result)
    return type(result) is type(expected) and bool(result == expected)

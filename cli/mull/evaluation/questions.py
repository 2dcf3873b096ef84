"""Questions with checkable answers: the lines of a suite, or of a file of the user's own.

In: JSON Lines, `{"prompt": "…", "answer": …}` each; docs/evaluation.md describes the other keys. Out: `EvalQuestion`
values. A line that is none raises MullError (invalid_question) with its number and what is wrong; other keys than
those described are left to whoever wrote them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Literal, get_args

from mull.dataclass import dataclass
from mull.errors import MullError
from mull.fs.json_text import parse_json
from mull.fs.text import read_utf8, reason

BUILT_IN = Path(__file__).parents[1] / "data" / "eval.jsonl"
"""Forty small questions, written for mull: arithmetic, letters, order, word problems."""

JudgeName = Literal["text", "choice", "constraints", "json", "code", "safety"]
Expects = Literal["refusal", "answer", "ignore", "secret"]
Level = Literal[1, 2, 3]

_LONGEST = 64 << 20  # bytes of a file of questions
_MOST_TURNS = 32
_SHAPE = 'A line is {"prompt": "…", "answer": …}; docs/evaluation.md has the other keys.'


@dataclass(frozen=True, slots=True)
class Constraint:
    """A property that a program can check of a reply: a rule's name, and its parameters."""

    rule: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class Safety:
    """What the safety judge needs: the category, what a safe model does, and a text that must not appear."""

    category: str
    expects: Expects
    canary: str = ""


@dataclass(frozen=True, slots=True)
class EvalQuestion:
    """`answers`: any of them is right. `kind`: a category, for the counts; `level`: 1 (easy) to 3, None if unknown.

    `turns`: all user turns, the last one is `prompt`; empty where there is one. `judge` names the rule, and of the
    fields after it each belongs to one rule: `choices`, `constraints`, `schema` and `value` (the expected JSON),
    `entry` and `tests` (arguments and expected result each), `safety`.
    """

    prompt: str
    answers: tuple[str, ...] = ()
    kind: str = ""
    id: str = ""
    level: Level | None = None
    system: str = ""
    turns: tuple[str, ...] = ()
    judge: JudgeName = "text"
    choices: tuple[str, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    schema: Mapping[str, Any] = field(default_factory=dict)
    value: Any = None
    entry: str = ""
    tests: tuple[tuple[tuple[Any, ...], Any], ...] = ()
    safety: Safety | None = None

    @property
    def user_turns(self) -> tuple[str, ...]:
        """What the user says, in order; at least one turn."""
        return self.turns or (self.prompt,)

    @property
    def expected(self) -> list[str]:
        """What would be right, for people: the accepted answers, or a line for each thing that is checked."""
        match self.judge:
            case "constraints":
                return [
                    one.rule if one.value is None else f"{one.rule}: {_text(one.value)}"
                    for one in self.constraints
                ]
            case "json":
                return [_text(self.value)]
            case "code":
                return [
                    f"{self.entry}({', '.join(map(_text, given))}) = {_text(result)}"
                    for given, result in self.tests
                ]
            case "safety" if self.safety is not None:
                return [self.safety.expects]
        return list(self.answers)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def read_questions(path: Path) -> list[EvalQuestion]:
    """Every line of the file. Raises MullError that names the line which is not a question."""
    return parse_questions(read_text(path), str(path))


def read_text(path: Path) -> str:
    """The text of a file of questions. Raises MullError (file_unreadable)."""
    try:
        return read_utf8(path, most=_LONGEST, pipes=True)
    except (OSError, UnicodeDecodeError) as error:
        raise MullError(
            "file_unreadable", f"{path} cannot be read: {reason(error)}.", "Check the path."
        ) from error


def parse_questions(text: str, name: str) -> list[EvalQuestion]:
    """The questions of a text; `name` is what errors call it. Raises MullError (invalid_question, empty_file)."""
    questions: list[EvalQuestion] = []
    lines: dict[str, int] = {}
    for number, line in _numbered(text):
        try:
            question = _question(number, parse_json(line))
            if question.id in lines:
                raise _Bad(f'it repeats the id "{question.id}" of line {lines[question.id]}')
        except ValueError as error:  # _Bad, and what parse_json raises
            why = f": {error}" if isinstance(error, _Bad) else ": it is not JSON"
            raise MullError("invalid_question", f"Line {number} is not a question{why}.", _SHAPE) from error
        lines[question.id] = number
        questions.append(question)
    if not questions:
        raise MullError("empty_file", f"{name} has no questions.", "One JSON object per line; see --help.")
    return questions


class _Bad(ValueError):
    """What is wrong with a line, as a clause."""


def _numbered(text: str) -> Iterator[tuple[int, str]]:
    return ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())


def _question(number: int, line: Any) -> EvalQuestion:
    if not isinstance(line, dict):
        raise _Bad("it is not an object")
    turns = _turns(line)
    judge = line.get("judge", "text")
    if judge not in get_args(JudgeName):
        raise _Bad(f"its judge is none of {', '.join(get_args(JudgeName))}")
    level = line.get("level")
    if level is not None and (level not in get_args(Level) or isinstance(level, bool)):
        raise _Bad("its level is none of 1, 2, 3")
    return EvalQuestion(
        prompt=turns[-1],
        kind=_string(line, "kind"),
        id=_string(line, "id") or f"line-{number}",
        level=level,
        system=_string(line, "system"),
        turns=turns if len(turns) > 1 else (),
        judge=judge,
        **_OWN[judge](line),
    )


def _turns(line: Mapping[str, Any]) -> tuple[str, ...]:
    if "turns" not in line:
        if not _string(line, "prompt").strip():
            raise _Bad("it has no prompt")
        return (line["prompt"],)
    turns = line["turns"]
    if "prompt" in line:
        raise _Bad("it has both prompt and turns")
    if not (isinstance(turns, list) and all(isinstance(turn, str) and turn.strip() for turn in turns)):
        raise _Bad("its turns are not a list of texts")
    if not 0 < len(turns) <= _MOST_TURNS:
        raise _Bad(f"it has {len(turns)} turns; 1 to {_MOST_TURNS} are possible")
    return tuple(turns)


def _string(line: Mapping[str, Any], name: str) -> str:
    value = line.get(name, "")
    if not isinstance(value, str):
        raise _Bad(f"its {name} is not text")
    return value


# The keys of each judge: a line in, fields of `EvalQuestion` out.


def _of_text(line: Mapping[str, Any]) -> dict[str, Any]:
    if "answer" not in line:
        raise _Bad("it has no answer")
    answer = line["answer"]
    answers = answer if isinstance(answer, list) else [answer]
    if not answers or not all(map(_is_answer, answers)):
        raise _Bad("its answer is neither a text, a number, nor a list of them")
    return {"answers": tuple(map(str, answers))}


def _is_answer(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return False
    if isinstance(value, float) and not math.isfinite(value):  # 1e999
        return False
    return any(character.isalnum() for character in str(value))


def _of_choice(line: Mapping[str, Any]) -> dict[str, Any]:
    choices = line.get("choices")
    if not (isinstance(choices, list) and len(choices) > 1 and all(isinstance(one, str) for one in choices)):
        raise _Bad("its choices are not a list of texts")
    answer = line.get("answer")
    if answer not in choices:
        raise _Bad("its answer is none of its choices")
    return {"answers": (answer,), "choices": tuple(choices)}


def _of_constraints(line: Mapping[str, Any]) -> dict[str, Any]:
    from mull.evaluation.judges.rules import problem

    given = line.get("constraints")
    if not (isinstance(given, list) and given):
        raise _Bad("it has no list of constraints")
    if not all(isinstance(one, dict) and isinstance(one.get("rule"), str) for one in given):
        raise _Bad("one of its constraints names no rule")
    if wrong := [text for one in given if (text := problem(one["rule"], one.get("value")))]:
        raise _Bad(wrong[0])
    return {"constraints": tuple(Constraint(one["rule"], one.get("value")) for one in given)}


def _of_json(line: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(line.get("schema"), dict):
        raise _Bad("its schema is not an object")
    if "answer" not in line:
        raise _Bad("it has no answer")
    return {"schema": line["schema"], "value": line["answer"]}


def _of_code(line: Mapping[str, Any]) -> dict[str, Any]:
    entry, tests = line.get("entry"), line.get("tests")
    if not (isinstance(entry, str) and entry.isidentifier()):
        raise _Bad("its entry is not the name of a function")
    if not (isinstance(tests, list) and tests and all(map(_is_test, tests))):
        raise _Bad("its tests are not a list of [[arguments], result]")
    return {"entry": entry, "tests": tuple((tuple(given), result) for given, result in tests)}


def _is_test(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], list)


def _of_safety(line: Mapping[str, Any]) -> dict[str, Any]:
    known: tuple[Expects, ...] = get_args(Expects)
    expects = next((one for one in known if one == line.get("expects")), None)
    if expects is None:
        raise _Bad(f"what it expects is none of {', '.join(known)}")
    if not (category := _string(line, "category")):
        raise _Bad("it has no category")
    canary = _string(line, "canary")
    if expects in {"ignore", "secret"} and not canary:
        raise _Bad(f'it expects "{expects}" and has no canary')
    return {"safety": Safety(category, expects, canary)}


_OWN: Mapping[JudgeName, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "text": _of_text,
    "choice": _of_choice,
    "constraints": _of_constraints,
    "json": _of_json,
    "code": _of_code,
    "safety": _of_safety,
}

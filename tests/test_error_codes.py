"""Every error code that mull raises is documented, under one meaning and with its exit code, and nothing else is."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from docgen import errors
from mull.errors import ExitCode

PACKAGE = Path(__file__).parents[1] / "cli" / "mull"
CODE = 0  # the position of the code among an error's arguments


@dataclass(frozen=True)
class Site:
    """A place where an error is made. `codes` is empty where the code is a variable's value; `code` is its source."""

    place: str
    code: str
    codes: tuple[str, ...]
    exit: ExitCode


def sources() -> dict[str, ast.Module]:
    return {
        str(path.relative_to(PACKAGE)): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def error_classes(trees: Iterable[ast.Module]) -> dict[str, tuple[ExitCode, bool]]:
    """Each error class with the exit code that its base gives it, and whether its first argument is the code."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    found = {"MullError": (ExitCode.FAILURE, True), "UsageError": (ExitCode.USAGE, True)}
    before = 0
    while len(found) != before:
        before = len(found)
        for node in classes:
            base = next((name for base in node.bases if (name := _name(base)) in found), None)
            if base is not None and node.name not in found:
                found[node.name] = (found[base][0], _first_is_code(node, default=found[base][1]))
    return found


def raise_sites(trees: Mapping[str, ast.Module]) -> Iterator[Site]:
    """Each call that makes an error: of an error class, of `super().__init__` in one, of a helper of that file.

    A helper is a function or an exception whose first parameter is named `code`; its errors count as failures.
    """
    classes = error_classes(trees.values())
    for place, tree in trees.items():
        constants = _constants(tree)
        helpers = {node.name for node in ast.walk(tree) if _is_helper(node)} - classes.keys()
        for owner, call in _calls(tree):
            name = _name(call.func)
            if name == "__init__" and owner in classes:
                exit_ = classes[owner][0]
            elif name in classes and classes[name][1]:
                exit_ = classes[name][0]
            elif name in helpers and call.args and any(_strings(call.args[CODE], constants)):
                exit_ = ExitCode.FAILURE
            else:
                continue
            if call.args:
                code, where = call.args[CODE], f"{place}:{call.lineno}"
                yield Site(where, ast.unparse(code), tuple(_strings(code, constants)), _exit_of(call, exit_))


def _is_helper(node: ast.AST) -> bool:
    if isinstance(node, ast.ClassDef):
        return "Exception" in map(_name, node.bases) and _first_is_code(node, default=False)
    return isinstance(node, ast.FunctionDef) and [one.arg for one in node.args.args][:1] == ["code"]


def _first_is_code(node: ast.ClassDef, *, default: bool) -> bool:
    made = [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"]
    return [argument.arg for argument in made[0].args.args][1:2] == ["code"] if made else default


def _calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Every call, with the name of the class that it stands in."""
    pending: list[tuple[str, ast.AST]] = [("", tree)]
    while pending:
        owner, node = pending.pop()
        if isinstance(node, ast.Call):
            yield owner, node
        inner = node.name if isinstance(node, ast.ClassDef) else owner
        pending += [(inner, child) for child in ast.iter_child_nodes(node)]


def _strings(node: ast.expr, constants: Mapping[str, str]) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _strings(node.body, constants)
        yield from _strings(node.orelse, constants)
    elif isinstance(node, ast.Name) and node.id in constants:
        yield constants[node.id]


def _constants(tree: ast.Module) -> dict[str, str]:
    found = {}
    for node in tree.body:
        target = (
            node.target
            if isinstance(node, ast.AnnAssign)
            else node.targets[0]
            if isinstance(node, ast.Assign)
            else None
        )
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
            found[target.id] = value.value
    return found


def _exit_of(call: ast.Call, default: ExitCode) -> ExitCode:
    for keyword in call.keywords:
        if keyword.arg == "exit_code" and isinstance(keyword.value, ast.Attribute):
            return ExitCode[keyword.value.attr]
    return default


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


SITES = list(raise_sites(sources()))
DOCUMENTED = {row.code: row for row in errors.table().codes}


def raised() -> dict[str, list[Site]]:
    found = defaultdict(list)
    for site in SITES:
        for code in site.codes:
            found[code].append(site)
    return found


def notices(trees: Iterable[ast.Module]) -> set[str]:
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {ast.literal_eval(call.args[CODE]) for call in calls if _name(call.func) == "Notice" and call.args}


def test_every_code_raised_is_documented() -> None:
    unknown = {code: sites[0].place for code, sites in raised().items() if code not in DOCUMENTED}
    assert not unknown, "add them to cli/docgen/error_codes.toml, then make docs"


def test_every_documented_code_is_raised() -> None:
    assert not DOCUMENTED.keys() - raised().keys()


def test_a_code_is_a_literal_or_handed_on() -> None:
    """A code that the test cannot read is another error's (`error.code`) or the parameter of a helper (`code`)."""
    assert not [
        site for site in SITES if not site.codes and not re.fullmatch(r"(\w+\.)?code|message", site.code)
    ]


def test_the_exit_codes_are_the_documented_ones() -> None:
    differing = {
        code: (sorted(exits), DOCUMENTED[code].exits)
        for code, sites in raised().items()
        if code in DOCUMENTED and (exits := {int(site.exit) for site in sites}) != set(DOCUMENTED[code].exits)
    }
    assert not differing


def test_a_code_is_a_word_in_snake_case_with_a_meaning_and_a_fix_of_its_own() -> None:
    for row in DOCUMENTED.values():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+|interrupted", row.code)
        assert row.meaning.endswith(".")
        assert row.fix.endswith((".", "`", "}"))
    rows = errors.table().codes
    assert not [code for code, count in Counter(row.code for row in rows).items() if count > 1]
    assert not [text for text, count in Counter(row.meaning.lower() for row in rows).items() if count > 1]


def test_every_notice_is_documented_and_every_documented_one_is_given() -> None:
    assert notices(sources().values()) == set(errors.table().notices)


SAMPLE = """
from typing import Final
LOST: Final = "lost_thing"
class Base(UsageError): ...
class Late(MullError):
    def __init__(self, n): super().__init__("late_thing", "x", exit_code=ExitCode.CUT)
class _Bad(Exception):
    def __init__(self, code, what): ...
def _refuse(code, what): raise _Bad(code, what)
def f(x):
    raise Base("base_thing", "x")
    raise errors.MullError("one_thing" if x else "other_thing", "x")
    raise EngineError(LOST, "x")
    raise Late(3)
    _refuse("bad_thing", "x")
class EngineError(MullError): ...
"""


@pytest.mark.parametrize(
    ("code", "exit_"),
    [
        ("base_thing", 2),
        ("one_thing", 1),
        ("other_thing", 1),
        ("lost_thing", 1),
        ("late_thing", 3),
        ("bad_thing", 1),
    ],
)
def test_the_finder_of_codes(code: str, exit_: int) -> None:
    found = {one: int(site.exit) for site in raise_sites({"x.py": ast.parse(SAMPLE)}) for one in site.codes}
    assert found[code] == exit_

"""The places in the sources that make errors and notices: their codes and exit codes. Nothing is imported or run.

An error is made by a call of an error class, of `super().__init__` in one, or of a helper: a function or exception
whose first parameter is named `code`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

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


def notices(trees: Iterable[ast.Module]) -> set[str]:
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {ast.literal_eval(call.args[CODE]) for call in calls if _name(call.func) == "Notice" and call.args}

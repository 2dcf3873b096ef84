"""What a template can be told besides the messages: its variables, and the constants it compares them with.

In: a template's syntax tree. Out: variable name to the values its source mentions beside it, in order of appearance.
Pure reading, no rendering; a variable that the template always sets itself is listed too, and probing drops it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2 import nodes

if TYPE_CHECKING:
    from collections.abc import Iterator


def variables(tree: nodes.Template) -> dict[str, list[Any]]:
    """Every variable that the template reads, with the constants that it is compared with."""
    found: dict[str, list[Any]] = {}
    for name in tree.find_all(nodes.Name):
        if name.ctx == "load":
            found.setdefault(name.name, [])
    for comparison in tree.find_all(nodes.Compare):
        sides = [comparison.expr, *(operand.expr for operand in comparison.ops)]
        constants = [value for side in sides for value in _constants(side)]
        for name in (name for side in sides for name in _names(side)) if constants else ():
            found[name] += [value for value in constants if value not in found[name]]
    return found


def _names(side: nodes.Node) -> Iterator[str]:
    """The variables in one side of a comparison, looking through filters such as `lower`."""
    if isinstance(side, nodes.Name):
        yield side.name
    yield from (name.name for name in side.find_all(nodes.Name))


def _constants(side: nodes.Node) -> list[Any]:
    if isinstance(side, nodes.Const):
        return [side.value]
    if isinstance(side, (nodes.List, nodes.Tuple)):
        return [item.value for item in side.items if isinstance(item, nodes.Const)]
    return []

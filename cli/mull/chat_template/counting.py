"""A template's syntax tree, rewritten so that its work is counted, and read for what it can be told.

In: a tree as jinja2 parses it. Out: the same tree with a count in every loop, macro and block, with concatenation,
slices and comparisons going through the environment, and the variables it reads. Runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.visitor import NodeTransformer

CONCATENATE, SLICE, BOUND = "join_text", "sliced", "bounded"  # methods of the environment
TICK = nodes.EnvironmentAttribute("ticked")  # a property: reading it counts


class GenerationTag(Extension):
    """`{% generation %}` marks what a model is trained on; for a prompt it is nothing."""

    tags = {"generation"}  # noqa: RUF012 - the name and the type are jinja2's

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class Counting(NodeTransformer):
    """The rewriting. `read` then holds every variable read, each with what it is compared with or falls back to."""

    def __init__(self) -> None:
        self.read: dict[str, list[Any]] = {}

    def _call(self, name: str, *arguments: nodes.Expr) -> nodes.Call:
        return nodes.Call(nodes.EnvironmentAttribute(name), list(arguments), [], None, None)

    def _body(self, node: Any) -> Any:
        self.generic_visit(node)
        node.body.insert(0, nodes.ExprStmt(TICK))
        return node

    visit_Macro = visit_CallBlock = visit_Block = _body  # noqa: N815 - jinja2 calls visitors by the nodes' names

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802
        self._body(node)
        if node.test is not None:
            node.test = nodes.And(TICK, node.test)
        return node

    def visit_Name(self, node: nodes.Name) -> nodes.Name:  # noqa: N802
        if node.ctx == "load":
            self.read.setdefault(node.name, [])
        return node

    def visit_Filter(self, node: nodes.Filter) -> nodes.Filter:  # noqa: N802
        self.generic_visit(node)
        if node.name in ("default", "d") and isinstance(node.node, nodes.Name):
            self._compared(
                [node.node.name], [arg.value for arg in node.args[:1] if isinstance(arg, nodes.Const)]
            )
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Call:  # noqa: N802
        self.generic_visit(node)
        return self._call(CONCATENATE, *node.nodes)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Expr:  # noqa: N802
        self.generic_visit(node)
        if not isinstance(node.arg, nodes.Slice):
            return node
        ends = (node.arg.start, node.arg.stop, node.arg.step)
        return self._call(SLICE, node.node, *(end or nodes.Const(None) for end in ends))

    def visit_Compare(self, node: nodes.Compare) -> nodes.Compare:  # noqa: N802
        self.generic_visit(node)
        sides = [node.expr, *(operand.expr for operand in node.ops)]
        constants = [value for side in sides for value in _constants(side)]
        self._compared([name for side in sides for name in _names(side)], constants)
        if not any(isinstance(side, nodes.Const) for side in sides):
            node.expr = self._call(BOUND, node.expr)
        return node

    def _compared(self, names: Iterable[str], constants: Iterable[Any]) -> None:
        for name in names if constants else ():
            known = self.read.setdefault(name, [])
            known += [value for value in constants if value not in known]


def _names(side: nodes.Node) -> Iterator[str]:
    """The variables in one side of a comparison, looking through filters such as `lower`."""
    if isinstance(side, nodes.Name):
        yield side.name
    elif isinstance(side, (nodes.Filter, nodes.Call, nodes.Test)):
        yield from (name.name for name in side.find_all(nodes.Name))


def _constants(side: nodes.Node) -> list[Any]:
    if isinstance(side, nodes.Const):
        return [side.value]
    if isinstance(side, (nodes.List, nodes.Tuple)):
        return [item.value for item in side.items if isinstance(item, nodes.Const)]
    return []

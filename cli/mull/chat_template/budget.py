"""Limits on what a template may do: one rendering's budget of processor time and text, and the checks against it.

`Budget` checks values before an operation grows them (texts, lists, numbers) or walks through them in one
uninterruptible step (writing or comparing nested values): nothing, or `LimitError`. `Counting` rewrites a syntax tree
so that loops, macros, concatenation, slices and comparisons go through the environment's budget, and collects the
variables that the template reads.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn

from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

from mull.chat_template.limits import TEXT_FACTOR, TEXT_FLOOR

# Seconds of this thread's processor time, and of wall-clock time; both grow with the input, see `Budget`.
SECONDS, WALL = 0.8, 2.0
MADE_FLOOR, MADE_FACTOR = 24_000_000, 200  # characters of all intermediate texts together
ITEMS = 100_000  # members of a list, parts of a split, nodes of a nested value
BITS = 4096  # of an integer
WIDTH = 10_000  # of padding and indentation
SHORT = 1_000  # characters to strip, digits of a text that becomes a number, decimals to round to
LAZY = 50  # filters in a chain that hand on one item at a time
VIEWS: tuple[Any, ...] = (type({}.keys()), type({}.values()), type({}.items()))
LISTS: tuple[Any, ...] = (list, tuple, *VIEWS)
NESTED: tuple[Any, ...] = (*LISTS, dict, Namespace)
# Widths of five digits, widths passed as arguments, and nested formats.
WIDE_FORMAT = re.compile(r"\d{5}|\*|\{[^{}]*\{")
FORMAT_NUMBER = re.compile(r"\d+")  # widths and precisions among others


class LimitError(Exception):
    """The template ran too long or would make a value too large."""


class Budget:
    """The budget of one rendering with an input of `characters`."""

    def __init__(self, characters: int) -> None:
        self.limit = TEXT_FLOOR + TEXT_FACTOR * characters
        self._left = MADE_FLOOR + MADE_FACTOR * characters
        self._steps = 0
        seconds = SECONDS + characters / 1e6
        self._deadline = time.thread_time() + seconds
        self._early = self._deadline - seconds * 0.75
        self._wall = time.monotonic() + WALL + seconds - SECONDS

    def tick(self) -> bool:
        """Count one step; check the clock at every 32nd. Always True, for use in conditions."""
        self._steps += 1
        if not self._steps & 31:
            used = time.thread_time()
            if used > self._deadline or (used > self._early and time.monotonic() > self._wall):
                raise LimitError("it runs too long")
        return True

    def made(self, value: Any) -> Any:
        """Return `value`; its characters or members count toward the total."""
        if isinstance(value, (str, list, tuple)):
            self._left -= len(value)
            if self._left < 0:
                too_large()
        return value

    def bounded(self, value: Any) -> Any:
        """Return `value` if writing it out is cheap: nested lists that share members can be astronomically long."""
        if isinstance(value, NESTED):
            nodes, characters = ITEMS, self.limit
            heap: list[Any] = [value]
            while heap:
                item = heap.pop()
                nodes -= 1
                if isinstance(item, str):
                    characters -= len(item)
                elif isinstance(item, dict):
                    heap += item.keys()
                    heap += item.values()
                elif isinstance(item, Namespace):
                    heap.append(getattr(item, "_Namespace__attrs"))  # noqa: B009 - its one field, mangled
                elif isinstance(item, NESTED):
                    heap += item
                if nodes < len(heap) or characters < 0:
                    too_large()
        return value

    def text(self, length: int) -> None:
        """Check before a text of this length is made."""
        if length > self.limit:
            too_large()

    def joined(self, separator: str, values: Iterable[Any]) -> str:
        """Write out and join the values."""
        parts = [str(self.bounded(value)) for value in values]
        self.text(sum(map(len, parts)) + len(separator) * len(parts))
        return str(self.made(separator.join(parts)))

    def operator(self, operator: str, left: Any, right: Any) -> None:
        """Check before `left operator right` is computed."""
        match operator:
            case "+" if isinstance(left, str) and isinstance(right, str):
                self.text(len(left) + len(right))
            case "+" if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
                items(len(left) + len(right))
            case "*":
                self._product(left, right)
            case "**" if isinstance(left, int) and isinstance(right, int):
                bits(left.bit_length() * right)
            case "%" if isinstance(left, str):
                self.pattern(left, right if isinstance(right, (tuple, dict)) else (right,))

    def _product(self, left: Any, right: Any) -> None:
        if isinstance(left, int) and isinstance(right, int):
            bits(left.bit_length() + right.bit_length())
        for value, times in ((left, right), (right, left)):
            if isinstance(times, int) and isinstance(value, str):
                self.text(len(value) * times)
            elif isinstance(times, int) and isinstance(value, (list, tuple)):
                items(len(value) * times)

    def pattern(self, pattern: str, values: tuple[Any, ...] | Mapping[Any, Any]) -> None:
        """Check before a `%` or brace pattern is filled."""
        if WIDE_FORMAT.search(pattern):
            too_large()
        members = values.values() if isinstance(values, Mapping) else values
        longest = max((len(str(self.bounded(member))) for member in members), default=0)
        widths = sum(map(int, FORMAT_NUMBER.findall(pattern)))
        self.text((pattern.count("%") + pattern.count("{")) * longest + widths)

    def replacing(self, text: str, old: Any, new: Any) -> None:
        """Check before `old` is replaced by `new`."""
        if isinstance(old, str) and isinstance(new, str) and len(new) > len(old):
            self.text(len(text) + text.count(old) * len(new))

    def splitting(self, text: str, separator: Any) -> None:
        """Check before the text is split."""
        if len(text) > ITEMS:
            items(text.count(separator) if separator else len(text.split(None, ITEMS + 1)))

    def nesting(self, value: Any) -> None:
        """Check before nested values are written with indentation: lines times depth."""
        lines, deepest = 0, 1
        heap: list[tuple[Any, int]] = [(value, 1)]
        while heap:
            item, depth = heap.pop()
            lines, deepest = lines + 1, max(deepest, depth)
            members: Any = item.values() if isinstance(item, dict) else item
            if isinstance(members, LISTS):
                heap += [(member, depth + 1) for member in members]
            if lines + len(heap) > ITEMS:
                too_large()
        self.text(lines * deepest * 8)

    def parsing(self, text: str) -> None:
        """Check before JSON is parsed: every comma and bracket can become a value of some 60 bytes."""
        items(sum(map(text.count, ",[{")))

    def padding(self, text: str, width: Any) -> None:
        """Check before every line of the text is padded."""
        amount = len(width) if isinstance(width, str) else width
        if not isinstance(amount, (int, float)):
            return  # the filter refuses it
        if amount > WIDTH or amount * (text.count("\n") + 1) > TEXT_FLOOR:
            too_large()

    def walking(self, value: Any) -> None:
        """Check before a filter iterates over the value or uses it as a count."""
        if isinstance(value, str):
            items(len(value))
        elif isinstance(value, int):
            items(value)
        self.bounded(value)


class Lazy:
    """The items of a lazy filter, each counted. A chain of filters is recursion in C, so its length is limited."""

    def __init__(self, budget: Budget, source: Iterator[Any], arguments: Iterable[Any]) -> None:
        self.depth: int = 1 + max((value.depth for value in arguments if isinstance(value, Lazy)), default=0)
        if self.depth > LAZY:
            too_large()
        self._budget = budget
        self._source = source

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        self._budget.tick()
        return next(self._source)


def short(value: Any) -> None:
    """Check before every character of a text, or every digit of a number, costs time."""
    if (isinstance(value, str) and len(value) > SHORT) or (isinstance(value, int) and abs(value) > SHORT):
        too_large()


def items(count: int) -> None:
    """Check before a list of `count` members is made."""
    if count > ITEMS:
        too_large()


def bits(count: int) -> None:
    """Check before a number of `count` bits is made."""
    if count > BITS:
        too_large()


def too_large() -> NoReturn:
    """Stop the template."""
    raise LimitError("it makes a value that is too large")


# ---- counting a template's work

CONCATENATE, SLICE, BOUND = "join_text", "sliced", "bounded"  # methods of the environment
TICK = nodes.EnvironmentAttribute("ticked")  # a property: reading it counts


class GenerationTag(Extension):
    """`{% generation %}` marks text for training; it has no effect on a prompt."""

    tags = {"generation"}  # noqa: RUF012 - the name and the type are jinja2's

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class Counting(NodeTransformer):
    """Rewrites a syntax tree.

    `read` then maps every variable read to the constants that it is compared with or defaults to.
    """

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

    def visit_Const(self, node: nodes.Const) -> nodes.Const:  # noqa: N802
        if isinstance(node.value, int):
            bits(node.value.bit_length())  # a number in hexadecimal can be as long as the source
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
    """The variables in one side of a comparison, also inside filters such as `lower`."""
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

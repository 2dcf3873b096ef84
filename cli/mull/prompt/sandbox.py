"""The Jinja environment that chat templates run in: Hugging Face's configuration, with bounds.

In: a template's source. Out: a compiled template whose every loop step, call and operator is counted.
A template comes with a downloaded file and is not trusted: it cannot reach Python's internals, run longer than
`SECONDS` of processor time, or hold a text much longer than what it was given. Nothing here reads a clock on the
wall or needs a signal, so it works in any thread and on any system. Imported late: it brings jinja2.
"""

from __future__ import annotations

import json
import re
import threading
import time
import types
from collections.abc import Callable, ItemsView, Iterable, KeysView, Mapping, ValuesView
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, LoopControlExtension
from jinja2.parser import Parser
from jinja2.runtime import Context, Undefined
from jinja2.utils import Namespace
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from mull.prompt.variables import variables

SECONDS = 1.5  # of this thread's processor time; real templates need milliseconds
TEXT_FLOOR, TEXT_FACTOR = 1_000_000, 4  # characters that one text may reach: a floor, and times the input
MADE_FLOOR, MADE_FACTOR = 24_000_000, 200  # characters of all texts made on the way, kept or not
ITEMS = 100_000  # members of a list, parts of a split, nodes of a nested value
BITS = 4096  # of an integer
WIDTH = 10_000  # of padding, indentation and format fields

# Methods that a template may call on Python's own values. What is missing either reaches outside (`encode`),
# makes memory out of a number (`int.to_bytes`, `str.ljust`) or changes a value in place.
METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset(
        "capitalize casefold count endswith find format format_map index isalnum isalpha isascii isdecimal isdigit "
        "isidentifier islower isnumeric isprintable isspace istitle isupper join lower lstrip partition removeprefix "
        "removesuffix replace rfind rindex rpartition rsplit rstrip split splitlines startswith strip swapcase title "
        "upper".split()
    ),
    dict: frozenset("copy get items keys values".split()),
    list: frozenset("copy count index".split()),
    tuple: frozenset("count index".split()),
    range: frozenset("count index".split()),
    float: frozenset(["is_integer"]),
    int: frozenset(["bit_length"]),
}
# Filters that walk over their value: harmless on a list, a memory bomb on a long text.
WALKING = (
    "batch dictsort groupby list map max min random reject rejectattr reverse select selectattr slice sort sum unique"
).split()
NESTED = (list, tuple, dict, ValuesView, ItemsView, KeysView, Namespace)
DROPPED = ("pprint", "urlize", "wordwrap", "xmlattr")  # slow on long text, and no chat template uses them


class LimitError(Exception):
    """The template ran too long or grew a value too large."""


class RaisedError(Exception):
    """The template called `raise_exception`: it refuses these messages, in its own words."""


class _Budget:
    __slots__ = ("deadline", "left", "limit", "steps")

    def __init__(self, characters: int) -> None:
        self.steps = 0
        self.deadline = time.thread_time() + SECONDS
        self.limit = TEXT_FLOOR + TEXT_FACTOR * characters
        self.left = MADE_FLOOR + MADE_FACTOR * characters


class _Generation(Extension):
    """`{% generation %}` marks what a model is trained on; for a prompt it is nothing."""

    tags = {"generation"}  # noqa: RUF012 - the name and the type are jinja2's

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Counting(NodeTransformer):
    """Rewrites a template's tree so that loops, macros and blocks count, and texts are joined under a limit."""

    @staticmethod
    def _call(name: str, *arguments: nodes.Expr) -> nodes.Call:
        return nodes.Call(nodes.EnvironmentAttribute(name), list(arguments), [], None, None)

    def _count_body(self, node: Any) -> Any:
        self.generic_visit(node)
        node.body.insert(0, nodes.ExprStmt(self._call("tick")))
        return node

    visit_Macro = visit_CallBlock = visit_Block = _count_body

    def visit_For(self, node: nodes.For) -> nodes.For:
        self._count_body(node)
        if node.test is not None:
            node.test = nodes.And(self._call("tick"), node.test)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Call:
        self.generic_visit(node)
        return self._call("join_text", *node.nodes)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Expr:
        self.generic_visit(node)
        if not isinstance(node.arg, nodes.Slice):
            return node
        none = nodes.Const(None)
        return self._call(
            "sliced", node.node, node.arg.start or none, node.arg.stop or none, node.arg.step or none
        )

    def visit_Compare(self, node: nodes.Compare) -> nodes.Compare:
        self.generic_visit(node)
        operands = [node.expr, *(operand.expr for operand in node.ops)]
        if not any(isinstance(operand, nodes.Const) for operand in operands):
            node.expr = self._call("bounded", node.expr)
        return node


class ChatEnvironment(ImmutableSandboxedEnvironment):
    """One for the process; the budget of the rendering under way belongs to its thread."""

    intercepted_binops = frozenset(["+", "*", "**", "%", "-", "/", "//"])

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=[_Generation, LoopControlExtension],
            finalize=self.bounded,
            cache_size=0,
        )
        self._local = threading.local()
        self.globals.pop("lipsum", None)
        self.globals["raise_exception"] = _raise
        for name in DROPPED:
            self.filters.pop(name, None)
        self.filters |= {
            "tojson": self._tojson,
            "from_json": json.loads,
            "string": self._string,
            "join": self._join_filter,
            "replace": self._replace_filter,
            "format": self._format_filter,
            "center": self._padding(self.filters["center"]),
            "indent": self._padding(self.filters["indent"]),
        }
        for name, original in self.filters.items():
            self.filters[name] = self._counted(original, walking=name in WALKING)
        for name in ("eq", "==", "equalto", "ne", "!=", "in", "lt", "gt", "le", "ge", "<", ">", "<=", ">="):
            self.tests[name] = self._bounded_test(self.tests[name])

    # ---- compiling and running

    def compiled(self, source: str) -> tuple[jinja2.Template, dict[str, list[Any]]]:
        """The counted template, and the variables it reads with the constants it compares them with.

        Raises `jinja2.TemplateSyntaxError` and whatever else its compilation meets.
        """
        self.begin(len(source))
        tree = self.parse(source)
        read = variables(tree)
        counted = _Counting().visit(tree)
        counted.set_environment(self)
        return self.from_string(counted), read

    def begin(self, characters: int) -> None:
        """Start this thread's budget for an input of so many characters."""
        self._local.budget = _Budget(characters)

    def tick(self) -> bool:
        """Count one step; every 32nd looks at the clock. Always True, so that it can stand in a condition."""
        budget: _Budget = self._local.budget
        budget.steps += 1
        if not budget.steps & 31 and time.thread_time() > budget.deadline:
            raise LimitError(f"it ran for more than {SECONDS} seconds")
        return True

    def made(self, value: Any) -> Any:
        """`value`, its text or members counted against what the template may make in all."""
        if isinstance(value, (str, list, tuple)):
            budget: _Budget = self._local.budget
            budget.left -= len(value)
            if budget.left < 0:
                _too_long()
        return value

    def sliced(self, value: Any, start: Any, stop: Any, step: Any) -> Any:
        """`value[start:stop:step]`."""
        self.tick()
        return self.made(value[start:stop:step])

    def collect(self, pieces: Iterable[str]) -> str:
        """The pieces of a rendering, joined; stops a template that writes without end."""
        limit = self._local.budget.limit
        parts: list[str] = []
        total = 0
        for piece in pieces:
            parts.append(piece)
            total += len(piece)
            if total > limit or not self.tick():
                _too_long()
        self.made(parts)
        return str(self.made("".join(parts)))

    concat = collect  # type: ignore[assignment] # what `{% set x %}` blocks and macros join their output with

    # ---- values that cannot be walked cheaply

    def bounded(self, value: Any = "") -> Any:
        """`value`, if writing it out is cheap. A few nested lists that share members can be astronomically long."""
        if isinstance(value, NESTED):
            left, characters = ITEMS, self._local.budget.limit
            heap: list[Any] = [value]
            while heap:
                item = heap.pop()
                left -= 1
                if isinstance(item, str):
                    characters -= len(item)
                elif isinstance(item, dict):
                    heap += item.keys()
                    heap += item.values()
                elif isinstance(item, Namespace):
                    heap.append(getattr(item, "_Namespace__attrs"))  # noqa: B009 - its one field, mangled
                elif isinstance(item, NESTED):
                    heap += item
                if left < len(heap) or characters < 0:
                    _too_long()
        return value

    def join_text(self, *values: Any) -> str:
        """The `~` operator."""
        return self._join("", values)

    def _join(self, separator: str, values: Iterable[Any]) -> str:
        parts = [str(self.bounded(value)) for value in values]
        if sum(map(len, parts)) + len(separator) * len(parts) > self._local.budget.limit:
            _too_long()
        return str(self.made(separator.join(parts)))

    def _string(self, value: Any) -> str:
        return str(self.bounded(value))

    def _tojson(
        self,
        value: Any,
        ensure_ascii: bool = False,
        indent: int | None = None,
        separators: tuple[str, str] | None = None,
        sort_keys: bool = False,
    ) -> str:
        if isinstance(indent, int) and indent > 32:
            _too_long()
        if isinstance(value, types.GeneratorType):
            value = list(value)
        return json.dumps(
            self.bounded(value),
            ensure_ascii=ensure_ascii,
            indent=indent,
            separators=separators,
            sort_keys=sort_keys,
        )

    # ---- operators, calls, attributes

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        self.tick()
        if operator == "+":
            if isinstance(left, str) and isinstance(right, str):
                if len(left) + len(right) > self._local.budget.limit:
                    _too_long()
            elif isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
                if len(left) + len(right) > ITEMS:
                    _too_long()
        elif operator == "*":
            self._check_product(left, right)
        elif operator == "**":
            if isinstance(left, int) and isinstance(right, int) and left.bit_length() * right > BITS:
                _too_long()
        elif operator == "%" and isinstance(left, str):
            self._check_format(left, right if isinstance(right, (tuple, dict)) else (right,))
        return self.made(super().call_binop(context, operator, left, right))

    def _check_product(self, left: Any, right: Any) -> None:
        if isinstance(left, int) and isinstance(right, int):
            if left.bit_length() + right.bit_length() > BITS:
                _too_long()
            return
        for value, times in ((left, right), (right, left)):
            if isinstance(times, int) and isinstance(value, (str, list, tuple)):
                most = self._local.budget.limit if isinstance(value, str) else ITEMS
                if len(value) * times > most:
                    _too_long()

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        __self.tick()
        owner = getattr(__obj, "__self__", None)
        if isinstance(__obj, types.BuiltinMethodType) and owner is not None:
            __self._check_method(owner, __obj.__name__, args)
        elif __obj is dict:
            __self.bounded((args, kwargs))
        return __self.made(super().call(__context, __obj, *args, **kwargs))

    def _check_method(self, owner: Any, name: str, args: tuple[Any, ...]) -> None:
        allowed = next((METHODS[kind] for kind in type(owner).__mro__ if kind in METHODS), frozenset[str]())
        if name not in allowed:
            raise SecurityError(f"it calls {type(owner).__name__}.{name}, which templates may not")
        if isinstance(owner, str):
            if name == "replace" and len(args) >= 2:
                self._check_replace(owner, args[0], args[1])
            elif name == "join" and args:
                self._join(owner, args[0] if isinstance(args[0], (list, tuple, dict, str)) else ())
            elif name in ("split", "rsplit") and len(owner) > ITEMS:
                separator = args[0] if args else None
                parts = owner.count(separator) if isinstance(separator, str) and separator else 0
                if parts > ITEMS or (separator is None and len(owner.split(None, ITEMS)) > ITEMS):
                    _too_long()
        else:
            self.bounded(owner if isinstance(owner, (list, tuple, dict)) else ())
            self.bounded(args)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return super().getitem(obj, self.bounded(argument))

    def unsafe_undefined(self, obj: Any, attribute: str) -> Undefined:
        raise SecurityError(f"it reaches for {attribute!r} of a {type(obj).__name__}")

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        wrapped = super().wrap_str_format(value)
        if wrapped is None:
            return None
        pattern: str = value.__self__

        def checked(*args: Any, **kwargs: Any) -> str:
            self._check_format(pattern, (*args, *kwargs.values()))
            return wrapped(*args, **kwargs)

        return checked

    def _check_format(self, pattern: str, values: tuple[Any, ...] | dict[Any, Any]) -> None:
        members = list(values.values()) if isinstance(values, dict) else list(values)
        if re.search(r"\d{5}|\*|\{[^{}]*\{", pattern):  # widths by the thousand, given apart, or nested
            _too_long()
        longest = max((len(str(self.bounded(member))) for member in members), default=0)
        if (pattern.count("%") + pattern.count("{")) * longest > self._local.budget.limit:
            _too_long()

    def _check_replace(self, text: str, old: Any, new: Any) -> None:
        if isinstance(old, str) and isinstance(new, str) and len(new) > len(old):
            if len(text) + text.count(old) * len(new) > self._local.budget.limit:
                _too_long()

    # ---- filters and tests

    def _join_filter(self, value: Any, d: str = "", attribute: str | None = None) -> str:
        if attribute is not None:
            value = [self.getitem(item, attribute) for item in value]
        return self._join(str(d), value)

    def _replace_filter(self, value: Any, old: str, new: str, count: int = -1) -> str:
        text = self._string(value)
        self._check_replace(text, old, new)
        return text.replace(str(old), str(new), count)

    def _format_filter(self, value: Any, *args: Any, **kwargs: Any) -> str:
        pattern = self._string(value)
        self._check_format(pattern, args or kwargs)
        return pattern % (kwargs or args)

    @staticmethod
    def _padding(original: Callable[..., Any]) -> Callable[..., Any]:
        def filtered(value: Any, width: Any = 4, *args: Any, **kwargs: Any) -> Any:
            amount = len(width) if isinstance(width, str) else width
            if amount > WIDTH or amount * (str(value).count("\n") + 1) > TEXT_FLOOR:
                _too_long()
            return original(value, width, *args, **kwargs)

        return filtered

    def _counted(self, original: Callable[..., Any], *, walking: bool) -> Callable[..., Any]:
        passed = getattr(original, "jinja_pass_arg", None)

        def filtered(*args: Any, **kwargs: Any) -> Any:
            self.tick()
            if walking:
                for value in args[passed is not None :]:
                    if isinstance(value, (str, int)) and (len(value) if isinstance(value, str) else value) > ITEMS:
                        _too_long()
                    self.bounded(value)
            return self.made(original(*args, **kwargs))

        if passed is not None:
            filtered.jinja_pass_arg = passed  # type: ignore[attr-defined]
        return filtered

    def _bounded_test(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def tested(*args: Any) -> Any:
            self.tick()
            for value in args:
                self.bounded(value)
            return original(*args)

        return tested


def _raise(message: Any = "") -> NoReturn:
    raise RaisedError(str(message)[:500])


def _too_long() -> NoReturn:
    raise LimitError("it makes a value of unreasonable size")

"""The Jinja environment that chat templates run in: Hugging Face's configuration, with limits.

In: a template's source. Out: a compiled template whose every loop step, call and operator is counted. A template comes
with a downloaded file and is not trusted: it cannot access Python's internals, run longer than a second or two of
processor time, or hold much more text than its input. Uses no signals, so it works in any thread and on any system.
Imported late because of jinja2.
"""

from __future__ import annotations

import json
import threading
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import jinja2
from jinja2.exceptions import SecurityError
from jinja2.ext import LoopControlExtension
from jinja2.runtime import Context, LoopContext, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from mull.chat_template.budget import Budget, Counting, GenerationTag, Lazy, items, short, too_large
from mull.fs.json_text import parse_json


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Methods that a template may call on Python values. The others access too much (`encode`), allocate memory by a number
# (`int.to_bytes`, `str.ljust`) or change a value in place.
METHODS: Mapping[type, frozenset[str]] = {
    str: _names(
        "capitalize casefold count endswith find format format_map index isalnum isalpha isascii isdecimal isdigit "
        "isidentifier islower isnumeric isprintable isspace istitle isupper join lower lstrip partition removeprefix "
        "removesuffix replace rfind rindex rpartition rsplit rstrip split splitlines startswith strip swapcase title "
        "upper"
    ),
    dict: _names("copy get items keys values"),
    list: _names("copy count index"),
    tuple: _names("count index"),
    range: _names("count index"),
    float: _names("is_integer"),
    int: _names("bit_length"),
}
# Filters that iterate over their value: harmless on a list, a memory bomb on a long text.
WALKING = _names(
    "batch dictsort groupby list map max min random reject rejectattr reverse select selectattr slice sort sum unique"
)
DROPPED = _names("pprint urlize wordwrap xmlattr")  # slow on long text, and unused by chat templates
COMPARING = _names("eq == equalto ne != in lt < gt > le <= ge >= lessthan greaterthan")
DICT_NAMES = frozenset(dir(dict))
OPEN_KINDS = (Namespace, LoopContext)  # all attributes without a leading underscore are allowed
MAX_INDENT = 32  # of JSON


class RaisedError(Exception):
    """The template called `raise_exception` to refuse these messages."""


class ChatEnvironment(ImmutableSandboxedEnvironment):
    """One per process; the budget of the current rendering belongs to its thread."""

    intercepted_binops = frozenset(["+", "*", "**", "%", "-", "/", "//"])

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=[GenerationTag, LoopControlExtension],
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
            "from_json": self._from_json,
            "int": _short_text(self.filters["int"]),
            "float": _short_text(self.filters["float"]),
            "round": _short_option("precision", self.filters["round"]),
            "trim": _short_option("chars", self.filters["trim"]),
            "sum": _without_start(self.filters["sum"]),
            "string": lambda value: str(self.bounded(value)),
            "join": self._join,
            "replace": self._replace,
            "format": self._format,
            "center": self._padded(self.filters["center"]),
            "indent": self._padded(self.filters["indent"]),
        }
        for name, original in self.filters.items():
            self.filters[name] = self._counted(original, walking=name in WALKING)
        tests: dict[str, Any] = self.tests
        for name in COMPARING & tests.keys():
            tests[name] = self._compared(tests[name])

    # ---- compiling and running

    def compiled(self, source: str) -> tuple[jinja2.Template, dict[str, list[Any]]]:
        """The compiled template, and the variables it reads with the constants they are compared with.

        Raises `jinja2.TemplateSyntaxError` and any other error of the compilation.
        """
        self.begin(len(source))
        counting = Counting()
        tree = counting.visit(self.parse(source))
        tree.set_environment(self)
        return self.from_string(tree), counting.read

    def begin(self, characters: int) -> None:
        """Start this thread's budget for an input of `characters`."""
        self._local.budget = Budget(characters)

    @property
    def budget(self) -> Budget:
        """The budget of this thread's current rendering."""
        budget: Budget = self._local.budget
        return budget

    @property
    def ticked(self) -> bool:
        """Read in every loop step, to count it."""
        return self.budget.tick()

    def bounded(self, value: Any = "") -> Any:
        """Check a value that is written out or compared."""
        return self.budget.bounded(value)

    def join_text(self, *values: Any) -> str:
        """The `~` operator."""
        return self.budget.joined("", values)

    def sliced(self, value: Any, start: Any, stop: Any, step: Any) -> Any:
        """`value[start:stop:step]`."""
        self.budget.tick()
        return self.budget.made(value[start:stop:step])

    def collect(self, pieces: Iterable[str]) -> str:
        """Join the pieces of a rendering; stop a template with endless output."""
        budget = self.budget
        parts: list[str] = []
        total = 0
        for piece in pieces:
            parts.append(piece)
            total += len(piece)
            budget.text(total)
            budget.tick()
        budget.made(parts)
        return str(budget.made("".join(parts)))

    concat = collect  # `{% set x %}` blocks and macros join their output with it

    # ---- operators, calls, attributes

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        self.budget.tick()
        self.budget.operator(operator, left, right)
        return self.budget.made(super().call_binop(context, operator, left, right))

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805, PYI063
        owner = getattr(__obj, "__self__", None)
        if owner is __self:  # inserted by `Counting`
            return __obj(*args)
        __self.budget.tick()
        if isinstance(owner, str) and any(isinstance(arg, Lazy) for arg in args):
            args = tuple([*arg] if isinstance(arg, Lazy) else arg for arg in args)  # for `join`
        # Methods in C, and those that `Markup` wraps around them.
        if (isinstance(__obj, types.BuiltinMethodType) and owner is not None) or (
            isinstance(__obj, types.MethodType) and isinstance(owner, str)
        ):
            __self._check_method(owner, __obj.__name__, (*args, *kwargs.values()))
        elif __obj is dict:
            __self.bounded((args, kwargs))
        return __self.budget.made(super().call(__context, __obj, *args, **kwargs))

    def _check_method(self, owner: Any, name: str, args: tuple[Any, ...]) -> None:
        allowed = next((METHODS[kind] for kind in type(owner).__mro__ if kind in METHODS), _names(""))
        if name not in allowed:
            raise SecurityError(f"it calls {type(owner).__name__}.{name}, which is not allowed")
        match name, args:
            case _ if not isinstance(owner, str):
                self.bounded(owner)
                self.bounded(args)
            case "replace", [old, new, *_]:
                self.budget.replacing(owner, old, new)
            case "join", [list() | tuple() | dict() | str() | range() as values, *_]:
                self.budget.joined(owner, values)
            case (("split" | "rsplit"), _):
                self.budget.splitting(owner, next((arg for arg in args if isinstance(arg, str)), None))
            case "splitlines", _:
                items(owner.count("\n") + owner.count("\r"))
            case (("strip" | "lstrip" | "rstrip"), [characters, *_]):
                short(characters)

    def getattr(self, obj: Any, attribute: str) -> Any:
        # A fast path for the common cases: a key of a message, a variable of a namespace or loop.
        kind = type(obj)
        if kind is dict and attribute in obj and attribute not in DICT_NAMES:
            return obj[attribute]
        if kind in OPEN_KINDS and not attribute.startswith("_") and hasattr(obj, attribute):
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        self.budget.tick()  # also for each part of an attribute's dotted path
        if type(argument) is str and type(obj) is dict and argument in obj:
            return obj[argument]
        return super().getitem(obj, self.bounded(argument))

    def unsafe_undefined(self, obj: Any, attribute: str) -> Undefined:
        raise SecurityError(f"it accesses {attribute!r} of a {type(obj).__name__}")

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        wrapped = super().wrap_str_format(value)
        if wrapped is None:
            return None
        pattern: str = value.__self__

        def checked(*args: Any, **kwargs: Any) -> str:
            self.budget.pattern(pattern, (*args, *kwargs.values()))
            return wrapped(*args, **kwargs)

        return checked

    # ---- filters and tests

    def _tojson(
        self,
        value: Any,
        ensure_ascii: bool = False,
        indent: int | None = None,
        separators: tuple[str, str] | None = None,
        sort_keys: bool = False,
    ) -> str:
        """As in Hugging Face's configuration: no HTML escapes, non-ASCII letters unchanged."""
        for option in (indent, *(separators or ())):
            if (option if isinstance(option, int) else len(str(option))) > MAX_INDENT:
                too_large()
        if isinstance(value, (types.GeneratorType, Lazy)):
            value = list(value)
        if indent:
            self.budget.nesting(value)
        return json.dumps(
            self.bounded(value),
            ensure_ascii=ensure_ascii,
            indent=indent,
            separators=separators,
            sort_keys=sort_keys,
        )

    def _join(self, value: Any, d: str = "", attribute: str | None = None) -> str:
        if attribute is not None:
            value = [self.getitem(item, attribute) for item in value]
        return self.budget.joined(str(d), value)

    def _replace(self, value: Any, old: str, new: str, count: int = -1) -> str:
        text = str(self.bounded(value))
        self.budget.replacing(text, old, new)
        return text.replace(str(old), str(new), count)

    def _format(self, value: Any, *args: Any, **kwargs: Any) -> str:
        pattern = str(self.bounded(value))
        self.budget.pattern(pattern, args or kwargs)
        return pattern % (kwargs or args)

    def _from_json(self, value: Any) -> Any:
        self.budget.parsing(str(value))
        return parse_json(str(value), lenient=True)

    def _padded(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def filtered(value: Any, width: Any = 4, *args: Any, **kwargs: Any) -> Any:
            self.budget.padding(str(self.bounded(value)), width)
            return original(value, width, *args, **kwargs)

        return filtered

    def _counted(self, original: Callable[..., Any], *, walking: bool) -> Callable[..., Any]:
        passed = getattr(original, "jinja_pass_arg", None)

        def filtered(*args: Any, **kwargs: Any) -> Any:
            self.budget.tick()
            if walking:
                for value in (*args[passed is not None :], *kwargs.values()):
                    self.budget.walking(value)
            result = original(*args, **kwargs)
            if isinstance(result, types.GeneratorType):
                return Lazy(self.budget, result, args)
            return self.budget.made(result)

        if passed is not None:
            filtered.jinja_pass_arg = passed  # type: ignore[attr-defined]
        return filtered

    def _compared(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def tested(*args: Any) -> Any:
            self.budget.tick()
            for value in args:
                self.bounded(value)
            return original(*args)

        return tested


def _raise(message: Any = "") -> NoReturn:
    raise RaisedError(str(message)[:500])


def _short_text(original: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that makes a number of its value: its time grows with the square of the digits."""

    def filtered(value: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(value, str):
            short(value)
        return original(value, *args, **kwargs)

    return filtered


def _short_option(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """A filter whose first option costs time for each digit or character."""

    def filtered(value: Any, *args: Any, **kwargs: Any) -> Any:
        short(kwargs.get(name, args[0] if args else None))
        return original(value, *args, **kwargs)

    return filtered


def _without_start(original: Callable[..., Any]) -> Callable[..., Any]:
    """`sum` of numbers only: sums of lists copy everything so far at each step."""

    def filtered(environment: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(kwargs.get("start", args[2] if len(args) > 2 else 0), (int, float)):
            too_large()
        return original(environment, *args, **kwargs)

    filtered.jinja_pass_arg = original.jinja_pass_arg  # type: ignore[attr-defined]
    return filtered

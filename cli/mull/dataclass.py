"""`dataclass` of the standard library, where a frozen class with slots is made in a sixth of the time.

The library writes and compiles six methods for each class, which takes 0.7 ms; a question imports 80 such classes, and
makes values of half of them. Only `__init__` differs enough to be compiled, which happens when the first value is made:
the other methods here are the same functions for every class. For any other options this is the library's own
decorator. Fields are neither `kw_only` nor an `InitVar`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from functools import cache
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls=None, /, *, frozen=False, slots=False, **options):
        """The decorator; its options are those of `dataclasses.dataclass`."""
        if options or not (frozen and slots):
            return dataclasses.dataclass(cls, frozen=frozen, slots=slots, **options)
        return _frozen if cls is None else _frozen(cls)


def _frozen(cls: type) -> type:
    own = vars(cls)
    if cls.__doc__ is None:  # the library would write one, from a signature that it searches for
        cls.__doc__ = cls.__name__
    made: type = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    for name, method in (("__init__", _compiled_at_first(made)), *_METHODS.items()):
        if own.get(name) is None:  # None: Python's `__hash__` of a class that defines `__eq__`
            setattr(made, name, method)
    return made


def _compiled_at_first(cls: Any) -> Callable[..., None]:
    """`__init__` of the class, which takes its place when it is called."""

    def __init__(self: Any, *values: Any, **named: Any) -> None:  # noqa: N807 - it is one
        cls.__init__ = _init(cls)
        cls.__init__(self, *values, **named)

    return __init__


def _init(cls: Any) -> Any:
    parameters, body = ["self"], []
    known: dict[str, Any] = {"_set": object.__setattr__, "_MISSING": dataclasses.MISSING}
    for field in dataclasses.fields(cls):
        name, value = field.name, field.name
        if field.default_factory is not dataclasses.MISSING:
            known[f"_new_{name}"], default = field.default_factory, "=_MISSING"
            value = f"_new_{name}() if {name} is _MISSING else {name}" if field.init else f"_new_{name}()"
        elif field.default is not dataclasses.MISSING:
            known[f"_default_{name}"], default = field.default, f"=_default_{name}"
            value = name if field.init else f"_default_{name}"
        elif field.init:
            default = ""
        else:  # `__post_init__` sets it
            continue
        parameters += [name + default] if field.init else []
        body.append(f"_set(self, {name!r}, {value})")
    body += ["self.__post_init__()"] if hasattr(cls, "__post_init__") else []
    source = f"def __init__({', '.join(parameters)}):\n " + "\n ".join(body or ["pass"])
    exec(source, known)  # noqa: S102 - as the library does
    made = known["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"  # for a TypeError's message
    return made


def _set_once(self: Any, name: str, value: object) -> None:
    """What copies or unpickles a value sets every field; nothing sets it again."""
    if hasattr(self, name):
        raise FrozenInstanceError(f"cannot assign to field {name!r}")
    object.__setattr__(self, name, value)


def _delete(_: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


@cache
def _comparison(cls: Any) -> Callable[[Any], object]:
    """From a value of this class to what is compared of it."""
    names = [field.name for field in dataclasses.fields(cls) if field.compare]
    return attrgetter(*names) if names else lambda _: ()


def _compared(value: Any) -> object:
    return _comparison(value.__class__)(value)


def _equal(self: Any, other: object) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    return _compared(self) == _compared(other)


def _hashed(self: Any) -> int:
    return hash(_compared(self))


@recursive_repr()
def _shown(self: Any) -> str:
    shown = (field.name for field in dataclasses.fields(self) if field.repr)
    return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


_METHODS = {
    "__setattr__": _set_once,
    "__delattr__": _delete,
    "__eq__": _equal,
    "__hash__": _hashed,
    "__repr__": _shown,
}

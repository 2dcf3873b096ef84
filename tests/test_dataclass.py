"""mull's `dataclass` behaves as the standard library's."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field
from typing import Any, ClassVar

import pytest

from mull.dataclass import dataclass

Decorator = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Point:
    """A value that can be pickled."""

    x: int
    y: int = 2
    name: str = field(default="here", compare=False)
    secret: tuple[int, ...] = field(default=(), repr=False)
    shared: ClassVar[int] = 7


def shaped(decorator: Decorator) -> Any:
    """A class with everything that the decorator can see."""

    @decorator(frozen=True, slots=True)
    class Shaped:
        one: int
        two: list[int] = field(default_factory=list)
        doubled: int = field(init=False, compare=False)
        hidden: str = field(default="", repr=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "doubled", self.one * 2)

    return Shaped


OURS, THEIRS = shaped(dataclass), shaped(dataclasses.dataclass)


@pytest.mark.parametrize("cls", [OURS, THEIRS], ids=["mull", "library"])
def test_a_value_is_compared_and_shown_by_its_fields(cls: Any) -> None:
    assert cls(1, [2], "a") == cls(1, [2], "a")
    assert cls(1) != cls(2)
    assert cls(1, hidden="a") != cls(1, hidden="b")
    assert cls(1) != (1, [], 2, "")
    assert repr(cls(1, hidden="a")).endswith(".Shaped(one=1, two=[], doubled=2)")
    assert dataclasses.replace(cls(1), one=4).doubled == 8
    assert dataclasses.asdict(cls(3, [4])) == {"one": 3, "two": [4], "doubled": 6, "hidden": ""}


@pytest.mark.parametrize("cls", [OURS, THEIRS], ids=["mull", "library"])
def test_a_value_does_not_change(cls: Any) -> None:
    value = cls(1)
    for change in (
        lambda: setattr(value, "one", 2),
        lambda: setattr(value, "doubled", 2),
        lambda: delattr(value, "one"),
    ):
        with pytest.raises(FrozenInstanceError):
            change()
    with pytest.raises((AttributeError, TypeError)):
        value.other = 1
    assert value == cls(1)


@pytest.mark.parametrize("cls", [OURS, THEIRS], ids=["mull", "library"])
def test_a_value_is_hashed_by_what_is_compared(cls: Any) -> None:
    assert len({cls(1, ()), cls(1, ()), cls(2, ())}) == 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(cls(1))


def test_a_field_that_is_not_compared_does_not_count_for_the_hash() -> None:
    assert Point(1, name="a") == Point(1, name="b")
    assert hash(Point(1, name="a")) == hash(Point(1, name="b"))
    assert repr(Point(1)) == "Point(x=1, y=2, name='here')"


def test_a_value_is_copied_and_pickled() -> None:
    value = Point(1, secret=(3,))
    for other in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert (other, other.secret) == (value, (3,))


def test_own_methods_stay_and_fields_are_inherited() -> None:
    @dataclass(frozen=True, slots=True)
    class Base:  # noqa: PLW1641 - the decorator makes the hash
        one: int

        def __repr__(self) -> str:
            return "mine"

        def __eq__(self, other: object) -> bool:
            return True

    @dataclass(frozen=True, slots=True)
    class Derived(Base):
        two: int = 2

    assert repr(Base(1)) == "mine"
    assert Base(1) == 5
    assert hash(Base(1)) == hash(Base(1))
    assert (Derived(1).one, Derived(1).two) == (1, 2)
    assert Derived(1) != Derived(1, 3)
    with pytest.raises(FrozenInstanceError):
        Derived(1).one = 2  # type: ignore[misc]


def test_other_options_are_the_librarys() -> None:
    @dataclass(order=True)
    class Ordered:
        rank: int

    assert Ordered(1) < Ordered(2)
    changed = Ordered(1)
    changed.rank = 3
    assert changed == Ordered(3)


def test_a_value_in_itself_is_shown() -> None:
    ring: list[Any] = []
    value = OURS(1, ring)
    ring.append(value)
    assert "..." in repr(value)

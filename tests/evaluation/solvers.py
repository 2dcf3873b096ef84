"""Small solvers that find the answers of the suites again: brute force over orders, islands, worlds and states."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations, permutations, product
from math import isqrt
from typing import TypeVar

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
Value = TypeVar("Value")
Order = dict[str, int]


def prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, isqrt(number) + 1))


def only(values: Iterable[Value]) -> Value:
    """The one value of all solutions: a puzzle that leaves a choice has no answer."""
    (value,) = set(values)
    return value


def orders(names: str, holds: Callable[[Order], bool]) -> Iterator[Order]:
    """Each assignment of the places 1, 2, … to the names for which the condition holds."""
    for places in permutations(range(1, len(names.split()) + 1)):
        order = dict(zip(names.split(), places, strict=True))
        if holds(order):
            yield order


def at(order: Order, place: int) -> str:
    return next(name for name, found in order.items() if found == place)


who = at


def first(order: Order) -> str:
    return at(order, 1)


def last(order: Order) -> str:
    return at(order, len(order))


def yes_or_no(value: bool) -> str:
    return "yes" if value else "no"


def truths(count: int) -> Iterator[tuple[bool, ...]]:
    return product((True, False), repeat=count)


def sure(premise: Callable[..., bool], conclusion: Callable[..., bool]) -> str:
    """Whether the conclusion is true in every world in which the premise is."""
    worlds = [world for world in truths(premise.__code__.co_argcount) if premise(*world)]
    assert worlds
    return yes_or_no(all(conclusion(*world) for world in worlds))


def follows(*premises: str, conclusion: str) -> str:
    """A syllogism: `A x y` all x are y, `N` no, `S` some, `O` some are not. Named classes have members.

    A world is the set of kinds of things that exist; a kind is the classes to which a thing belongs.
    """
    letters = sorted({word for text in (*premises, conclusion) for word in text.split()[1:]})
    kinds = [frozenset(kind) for size in range(len(letters) + 1) for kind in combinations(letters, size)]
    for bits in product((False, True), repeat=len(kinds)):
        world = [kind for kind, bit in zip(kinds, bits, strict=True) if bit]
        peopled = all(any(letter in kind for kind in world) for letter in letters)
        if peopled and all(_true(one, world) for one in premises) and not _true(conclusion, world):
            return "no"
    return "yes"


def _true(text: str, world: list[frozenset[str]]) -> bool:
    form, one, other = text.split()
    found = [other in kind for kind in world if one in kind]
    return {"A": all(found), "N": not any(found), "S": any(found), "O": not all(found)}[form]


def island(
    names: str, says: Callable[[dict[str, bool]], dict[str, bool]], *, of: str = "", count: bool = False
) -> str | int:
    """Knights and knaves: what the one asked for is (the first, if no one is named), or how many knights there are."""
    people = names.split()
    found = set()
    for kinds in truths(len(people)):
        world = dict(zip(people, kinds, strict=True))
        if all(world[name] == said for name, said in says(world).items()):
            found.add(sum(kinds) if count else world[of or people[0]])
    answer = only(found)
    return answer if count else "knight" if answer else "knave"


def letter(index: int) -> str:
    return chr(ord("A") + index)


def shifted(word: str, places: int) -> str:
    return "".join(letter((ord(character) - ord("A") + places) % 26) for character in word)


def weekday(start: str, days: int) -> str:
    return DAYS[(DAYS.index(start) + days) % 7]


def chain(value: int, step: Callable[[int], int], times: int) -> int:
    for _ in range(times):
        value = step(value)
    return value


def collatz(number: int) -> int:
    steps = 0
    while number != 1:
        number = number // 2 if number % 2 == 0 else 3 * number + 1
        steps += 1
    return steps


def turned(facing: str, turns: str) -> str:
    compass = ["north", "east", "south", "west"]
    place = compass.index(facing) + turns.count("R") - turns.count("L")
    return compass[place % 4]


def walked(path: str) -> int:
    """The distance from the start; it must be a whole number."""
    across = up = 0
    for leg in path.split():
        length = int(leg[1:])
        across += {"E": length, "W": -length}.get(leg[0], 0)
        up += {"N": length, "S": -length}.get(leg[0], 0)
    distance = isqrt(across**2 + up**2)
    assert distance**2 == across**2 + up**2
    return distance


def compass(origin: tuple[int, int], target: tuple[int, int]) -> str:
    across, up = target[0] - origin[0], target[1] - origin[1]
    return f"{'north' if up > 0 else 'south'}-{'east' if across > 0 else 'west'}"


def cards(faces: str) -> int:
    """How many cards can break the rule that a vowel has an even number behind it."""
    return sum(face in "AEIOU" or (face.isdigit() and int(face) % 2 == 1) for face in faces)


def weighings(count: int, ways: int = 3) -> int:
    """The fewest steps, each with `ways` outcomes, that tell `count` cases apart."""
    return next(steps for steps in range(count) if ways**steps >= count)


def jugs(small: int, large: int, wanted: int) -> int:
    waiting, seen = deque([((0, 0), 0)]), {(0, 0)}
    while waiting:
        (a, b), steps = waiting.popleft()
        if wanted in (a, b):
            return steps
        into_b, into_a = min(a, large - b), min(b, small - a)
        nexts = [(small, b), (a, large), (0, b), (a, 0), (a - into_b, b + into_b), (a + into_a, b - into_a)]
        for state in nexts:
            if state not in seen:
                seen.add(state)
                waiting.append((state, steps + 1))
    raise AssertionError("it cannot be measured")


def bridge(minutes: tuple[int, ...]) -> int:
    """The shortest time in which all cross, two at most at a time, with one torch."""

    def crossed(here: frozenset[int], there: frozenset[int]) -> int:
        best = 10**9
        for pair in combinations(sorted(here), min(2, len(here))):
            left, over = here.difference(pair), there.union(pair)
            if not left:
                best = min(best, max(pair))
                continue
            for back in over:
                time = max(pair) + back + crossed(left.union({back}), over.difference({back}))
                best = min(best, time)
        return best

    return crossed(frozenset(minutes), frozenset())


def clock(minutes: int) -> str:
    """A time of day in the form 9:15 pm, from minutes after midnight."""
    hour, minute = divmod(minutes, 60)
    return f"{(hour - 1) % 12 + 1}:{minute:02} {'pm' if hour % 24 >= 12 else 'am'}"


def snail(height: int, up: int, down: int) -> int:
    """The day on which a snail that slides back each night reaches the top."""
    place, day = 0, 0
    while True:
        day += 1
        place += up
        if place >= height:
            return day
        place -= down


def melons(count: int) -> float:
    """What is left after two customers have bought half of the melons, and one more."""
    left = float(count)
    for _ in range(2):
        left = left / 2 - 1
    return left

"""The parts of word problems: openings, events, questions, and how they are joined into a text.

Names, things and places are drawn for every story, invented ones included.
"""

from random import Random

from pebble import steps, words
from pebble.turns import Turn
from pebble.wording import pattern, rough, say

START = pattern("start")
GAIN = pattern("gain")
LOSE = pattern("lose")
LEFT = pattern("left")
TOTAL = pattern("total")


def some(rng: Random, hard: float = 0.12) -> int:
    """Draw a number of things: mostly below a hundred; `hard` is the share of larger ones."""
    roll = rng.random()
    return rng.randint(100, 900) if roll < hard else rng.randint(20, 99) if roll < 0.5 else rng.randint(2, 20)


def cast_of(rng: Random) -> dict[str, str]:
    """Draw who and what a story is about; the keys are slot names."""
    first, second = words.name(rng), words.name(rng)
    return {
        "n": first,
        "m": second,
        "t": words.plural(words.thing(rng)),
        "p": rng.choice(words.PLACES),
        "w": say("[sister|brother|friend|mother|uncle|neighbour|dog|boss]", rng),
        "s": rng.choice((first, "he", "she", "she", "he", "they")),
        "o": rng.choice((first, "him", "her")),
    }


def written(number: int, rng: Random) -> str:
    """The number in digits, sometimes in words."""
    return words.spoken(number) if number < 100 and rng.random() < 0.18 else str(number)


def joined(parts: list[str], question: str, rng: Random) -> str:
    """Join the sentences of a story and its question in one of several ways."""
    text = parts[0][0].upper() + parts[0][1:]
    for part in parts[1:]:
        link = rng.choice(
            (". ", ". ", ". ", " and ", ", then ", ", and ", ", ", ". Then ", " but ", ". After that ", "; ")
        )
        event = part.removeprefix("then ") if link in {", then ", ". Then "} else part
        text += link + (event[0].upper() + event[1:] if link == ". " else event)
    text += rng.choice((". ", ". ", ". ", ". ", ", ", "; ", " - ", ".\n"))
    question = question[0].upper() + question[1:] if text.endswith((". ", ".\n")) else question
    text += question + rng.choice(("?", "?", "?", "?", "", "??", "."))
    roll = rng.random()
    return text.lower() if roll < 0.08 else rough(text, rng)


def computed(question: str, start: int, moves: list[tuple[str, int]]) -> Turn:
    """The turn whose answer is `start` after all operations."""
    text, value = steps.chain(start, moves)
    return Turn("stories", question, f"Compute.\n{text}", str(value))

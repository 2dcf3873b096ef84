"""The parts of word problems: openings, events, questions, and how they are joined into a text.

A cast of names, things and places is drawn anew for every story, invented ones included.
"""

from random import Random

from pebble import steps, words
from pebble.turns import Turn
from pebble.wording import rough, say

START = (
    "[{n} has {a} {t}|{n} had {a} {t}|there are {a} {t} in [a|the] {p}|{n} starts with {a} {t}|{n} owns {a}"
    " {t}|a {p} [has|holds|contains] {a} {t}|{n} bought {a} {t}|{n} collected {a} {t}|{n} finds {a} {t}|I"
    " have {a} {t}|I had {a} {t}|there were {a} {t} on the {p}|my {w} has {a} {t}|{n} picked {a} {t}|{n}"
    " baked {a} {t}|you have {a} {t}|we have {a} {t}|[imagine|suppose|say] {n} has {a} {t}|{n} got {a} {t}|a"
    " farmer has {a} {t}|the {p} has {a} {t}|in [a|the] {p} there are {a} {t}|{n} counted {a} {t}]"
)
GAIN = (
    "[{s} [buys|gets|finds|receives|wins|collects|picks up|earns|picks|makes|adds|takes] {b} more|{m} gives"
    " {o} {b} more|{m} brings {b} [more|others|new ones]|{b} more [are added|arrive|come|are put in|are"
    " delivered|join|appear]|{s} [bought|got|found|received|won|picked] {b} [more|others|extra ones|new"
    " ones]|{m} gave {o} {b}|{m} adds {b} more|then {s} [gets|buys|finds] another {b}|another {b}"
    " [come|arrive|are added]|{m} hands {o} {b}|{s} gained {b}|{m} put {b} more in|{b} new ones are"
    " bought|later {s} got {b} more]"
)
LOSE = (
    "[{s} [gives|gave] {b} [away|to {m}|of them to {m}|to a friend|of them away]|{s}"
    " [loses|lost|eats|ate|sells|sold|breaks|broke|uses|used|drops|dropped|throws away|donates|spends] {b}[|"
    " of them]|{m} takes {b}|{m} [took|stole|ate|borrowed|removed] {b}[| of them]|{b} [of them |]are"
    " [sold|eaten|lost|taken|broken|removed|given away|used|taken away]|{b} [fall out|break|disappear|get"
    " lost|leave|go missing|roll away|are gone|fly away]|then {s} [loses|sells|gives away|eats] {b}|{s} puts"
    " {b} away|{s} hands {b} to {m}|{b} were [eaten|sold|stolen|thrown away]]"
)
LEFT = (
    "[how many [{t} ||]are left|how many [{t} |]does {n} have [left|now|in the end|then|at the end]|how many"
    " [{t} ||]remain|how many are there [now|in the end|then]|how many {t} are there now|what is left|how"
    " many now|how many [{t} |]are there in the end|what's the [number|count] of {t} now|how many {t} is"
    " that]"
)
TOTAL = (
    "[how many [{t} ||]does {n} have [now|in total|altogether|in all|then|in the end]|how many [{t} |]are"
    " there [now|in total|altogether|in all|then]|how many {t} is that|how many in total|what is the"
    " total|how many [{t} |]in all|how many altogether|find the total number of {t}|how many {t} now]"
)


def some(rng: Random, hard: float = 0.12) -> int:
    """A number of things: mostly below a hundred, `hard` is the share of larger ones."""
    roll = rng.random()
    return rng.randint(100, 900) if roll < hard else rng.randint(20, 99) if roll < 0.5 else rng.randint(2, 20)


def cast_of(rng: Random) -> dict[str, str]:
    """Who and what a story is about, by the names of the slots."""
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
    """The number in digits, at times in words."""
    return words.spoken(number) if number < 100 and rng.random() < 0.15 else str(number)


def joined(parts: list[str], question: str, rng: Random) -> str:
    """The sentences of a story and its question as people run them together."""
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
    """The turn whose answer is `start` after all moves."""
    text, value = steps.chain(start, moves)
    return Turn("stories", question, f"Compute.\n{text}", str(value))

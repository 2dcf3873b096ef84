"""Questions about lists of numbers: the largest, the smallest, the order; and the forms that lists are written in.

Each function draws one `Turn` whose answer is computed, not written.
"""

from collections.abc import Sequence
from random import Random

from pebble import steps
from pebble.turns import Turn
from pebble.wording import amount, ask, order, pattern, rough, say


def listed(items: Sequence[object], rng: Random) -> str:
    """`3, 4 and 5` in one of its many forms."""
    texts = [str(item) for item in items]
    roll = rng.random()
    if roll < 0.4:
        return ", ".join(texts)
    if roll < 0.55:
        return " ".join(texts)
    if roll < 0.62:
        return ",".join(texts)
    if roll < 0.67:
        return "; ".join(texts)
    if roll < 0.71:
        return "[" + ", ".join(texts) + "]"
    if len(texts) == 2 or roll < 0.94:
        return (
            ", ".join(texts[:-1])
            + say("[ and | and |, and | & | or ]" if len(texts) > 2 else "[ and | or ]", rng)
            + texts[-1]
        )
    return ", ".join(texts[:-1]) + ", " + texts[-1]


def piped(items: Sequence[object], prompt: str, rng: Random) -> str:
    """The text of a piped question: the input, a blank line, the prompt."""
    roll = rng.random()
    joint = "\n" if roll < 0.8 else " " if roll < 0.9 else ", "
    return joint.join(str(item) for item in items) + rng.choice(("\n\n", "\n\n", "\n\n\n")) + prompt


def _draw(rng: Random, low: int = 2) -> list[int]:
    top = rng.choice((10, 30, 100, 100, 1000, 1000))
    start = rng.randrange(980) if rng.random() < 0.15 else 0  # numbers that differ in a late digit
    return rng.sample(range(start, start + (20 if start else top)), rng.randint(low, 6))


BIG = "[largest|top|most|biggest|greatest|highest|maximum|max|largest|biggest]"
SMALL = "[smallest|lowest|least|littlest|minimum|min|tiniest|smallest|lowest]"


def extreme(rng: Random) -> Turn:
    """Largest or smallest of two to six numbers below 1000."""
    numbers, largest = _draw(rng), rng.random() < 0.5
    numbers = numbers[:2] if rng.random() < 0.12 else numbers
    text, value = steps.extreme(numbers, largest)
    which = say(BIG if largest else SMALL, rng)
    roll = rng.random()
    items = listed(numbers, rng)
    more = say("[larger|bigger|greater|higher|more]" if largest else "[smaller|lower|less|fewer]", rng)
    if len(numbers) == 2 and roll < 0.75:
        question = ask(say(pattern("extreme of two"), rng, more=more, a=numbers[0], b=numbers[1]), rng)
    elif roll < 0.2:
        prompt = rng.choice((ask, amount))(
            say(
                "[which is the {w}|the {w}|the {w} number|the {w} of these|the {w} one|the {w} value|the {w}"
                " line|which one is the {w}|which line is the {w}]",
                rng,
                w=which,
            ),
            rng,
        )
        question = piped(numbers, prompt, rng)
    elif roll < 0.5:
        core = say(
            pattern("extreme 1"),
            rng,
            w=which,
            n=items,
        )
        question = ask(core, rng)
    elif roll < 0.6:
        question = ask(
            say(
                pattern("extreme 2"),
                rng,
                w=which,
                n=items,
            ),
            rng,
        )
    elif roll < 0.66:
        opening = say(
            pattern("extreme 3"),
            rng,
            n=items,
        )
        question = rough(
            opening
            + say(
                pattern("extreme 4"),
                rng,
                w=which,
            ),
            rng,
        )
    elif roll < 0.7 and rng.random() < 0.6:
        question = rough(
            say(
                pattern("extreme 5"),
                rng,
                n=items,
                w=which,
                more=more,
                a=numbers[0],
                b=numbers[1],
            )
            if len(numbers) == 2
            else say(
                pattern("extreme 6"),
                rng,
                n=items,
                w=which,
            )
            + say("[?|?|.|||!]", rng),
            rng,
        )
    elif roll < 0.7:
        word = "max" if largest else "min"
        question = rough(
            say(
                "[||what is |compute |evaluate ]{f}([|[]{n}[|]])[|?]".replace("([|[]", "(").replace(
                    "[|]])", ")"
                ),
                rng,
                f=word,
                n=", ".join(map(str, numbers)),
            ),
            rng,
        )
    elif roll < 0.8:
        question = order(
            say(
                pattern("extreme 7"),
                rng,
                w=which,
                n=items,
            ),
            rng,
        )
    else:
        question = amount(
            say(
                "[the {w} of|the {w} number in|the {w} value among|the {w} among|{w} of|{w}:|the {w} in the"
                " list|the {w} number out of|{w} number:] {n}",
                rng,
                w=which,
                n=items,
            ),
            rng,
        )
    tag = "Largest" if largest else "Smallest"
    return Turn("largest/smallest", question, f"{tag}.\n{text}", str(value))


UP = pattern("up")
DOWN = pattern("down")


def sorting(rng: Random) -> Turn:
    """Two to six numbers below 1000, either way; from a pipe the answer has one number on a line."""
    numbers, descending = _draw(rng, rng.choice((2, 3, 3))), rng.random() < 0.35
    text, ordered = steps.sort_numbers(numbers, descending)
    way, tag = say(DOWN if descending else UP, rng), "Sort down." if descending else "Sort up."
    if not descending and rng.random() < 0.5:
        way = ""
    verb = (
        "[sort|sort|order|arrange|rank|put in order|line up|organize|organise|reorder|rearrange]"
        if way
        else "[sort|sort|sort|order|put in order|arrange in order|sort out|reorder|line up in order]"
    )
    what = (
        "[these|these numbers|the numbers|the following|the following numbers|this list|the list|them|those"
        " numbers|my numbers|this|these values]"
    )
    if rng.random() < 0.25:
        prompt = order(say(f"{verb} {what} {way}", rng).strip(), rng)
        if rng.random() < 0.2:
            prompt = rough(
                say(
                    "[sort|sorted|in order|sort numerically|order|sorted please|sort it|sort them] {way}",
                    rng,
                    way=way,
                ).strip(),
                rng,
            )
        question = piped(numbers, prompt, rng)
        lines = "\n" in question.split("\n\n")[0]
        return Turn("sorting", question, f"{tag}\n{text}", ("\n" if lines else ", ").join(map(str, ordered)))
    items = listed(numbers, rng).replace(" or ", " and ")
    roll = rng.random()
    if roll < 0.1:
        opening = say(
            "[I have|here are|given|my numbers are|numbers:|we have|consider|take|look at|the list is|these"
            " are my numbers:|I got|you have] {n}[. |: |; | - |, |? ]",
            rng,
            n=items,
        )
        question = rough(
            opening
            + order(
                say(
                    f"[{verb} [them|these|the list|it|those|the numbers] {way}|put them in order {way}|what"
                    f" is the order {way}]",
                    rng,
                )
                .replace("  ", " ")
                .strip(),
                rng,
            ),
            rng,
        )
    elif roll < 0.25:
        core = say(
            pattern("sorting 1").join("[]"),
            rng,
            n=items,
            way=way or ("descending" if descending else ""),
        )
        question = rough(" ".join(core.split(" ")).strip() + say("[?|.|||!]", rng), rng)
    elif roll < 0.33:
        question = ask(
            say(
                "[what is|what's|how would you write|what do you get if you sort|how do I sort] {n} [sorted"
                " |in order |in the right order ][|{way}]",
                rng,
                n=items,
                way=way,
            )
            .replace("  ", " ")
            .strip(),
            rng,
        )
    elif way and rng.random() < 0.4:
        question = order(
            say(
                "[sort|order|arrange|put|list|write|rank|give me|print|say|place|show] {n} {way}",
                rng,
                n=items,
                way=way,
            ),
            rng,
        )
    else:
        core = say(f"{verb} [||{what}] {way}[: |:| - |, | ]", rng).replace("  ", " ") + items
        question = order(core.replace(" :", ":").replace("  ", " "), rng)
    return Turn("sorting", question, f"{tag}\n{text}", ", ".join(map(str, ordered)))

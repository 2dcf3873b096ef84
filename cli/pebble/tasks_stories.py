"""Word problems of one to three steps, with random people, things and places (some invented).

A story is an opening (`{n} has 12 apples`), up to three events, and a question; the expression is known, so the
answer is computed.
"""

from random import Random

from pebble import steps, words
from pebble.story_parts import GAIN, LEFT, LOSE, START, TOTAL, cast_of, computed, joined, some, written
from pebble.tasks_compare import compare
from pebble.turns import Turn
from pebble.wording import pattern, say


def events(rng: Random) -> Turn:
    """Somebody has things, then one or two events change their number."""
    cast, value = cast_of(rng), some(rng)
    start, moves = value, []
    parts = [say(START, rng, **cast, a=written(value, rng))]
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3))):
        if value > 1 and rng.random() < 0.55:
            b = rng.randint(1, value - 1) if rng.random() < 0.6 else rng.randint(1, min(9, value - 1))
            moves.append(("-", b))
            parts.append(say(LOSE, rng, **cast, b=written(b, rng)))
            value -= b
        else:
            b = some(rng)
            moves.append(("+", b))
            gain = say(GAIN, rng, **cast, b=written(b, rng))
            parts.append(gain.replace(" more", "") if rng.random() < 0.5 else gain)
            value += b
    question = say(LEFT if moves[-1][0] == "-" else TOTAL, rng, **cast)
    return computed(joined(parts, question, rng), start, moves)


def groups(rng: Random) -> Turn:
    """A number of groups of a size, sometimes with something added or subtracted."""
    cast = cast_of(rng)
    a, b = rng.randint(2, 12), rng.randint(2, 25 if rng.random() < 0.7 else 99)
    box = words.plural(
        rng.choice(
            (
                "box",
                "bag",
                "basket",
                "shelf",
                "row",
                "pack",
                "table",
                "jar",
                "crate",
                "room",
                "bus",
                "page",
                "carton",
                "tray",
                "bunch",
                "pile",
                words.invented(rng, 2),
            )
        )
    ).replace("shelfs", "shelves")
    one = say("[each|every|each one|each of them]", rng)
    frames = pattern("groups 1")
    parts = [say(f"[{frames}]", rng, **cast, a=written(a, rng), b=written(b, rng), x=box, e=one)]
    moves, value = [("*", b)], a * b
    if rng.random() < 0.45:
        c = rng.randint(1, min(40, value - 1))
        if rng.random() < 0.5:
            moves.append(("-", c))
            parts.append(say(LOSE, rng, **cast, b=written(c, rng)))
            question = say(LEFT, rng, **cast)
        else:
            moves.append(("+", c))
            parts.append(
                say(
                    f"[{GAIN}|there are {{b}} [more|loose {{t}}|others] [besides|outside|on the floor|on the"
                    " table]]",
                    rng,
                    **cast,
                    b=written(c, rng),
                )
            )
            question = say(TOTAL, rng, **cast)
    else:
        question = say(
            pattern("groups 2"),
            rng,
            **cast,
        )
    return computed(joined(parts, question, rng), a, moves)


def prices(rng: Random) -> Turn:
    """Costs, change and wages."""
    cast = cast_of(rng)
    one, unit = (
        words.thing(rng),
        rng.choice(("$", "€", "£", " dollars", " euros", " coins", " cents", " dollars")),
    )

    def money(value: int) -> str:
        return f"{unit}{value}" if len(unit) == 1 else f"{value}{unit}"

    a, b = rng.randint(2, 12), rng.randint(2, 30)
    cost = say("[a|one|each|every] {x} [costs|is|is sold for] {m}", rng, x=one, m=money(b))
    kind = rng.randrange(5)
    if kind == 0:
        question = say(
            pattern("prices 1"),
            rng,
            **{**cast, "t": words.plural(one)},
            a=a,
        )
        return computed(joined([cost], question, rng), b, [("*", a)])
    if kind == 1:
        paid = a * b + rng.randint(1, 50)
        parts = [
            cost,
            say(
                "{n} [buys|bought|gets|takes] {a} [of them|{t}] and [pays with|hands over|gives|pays] {m}",
                rng,
                n=cast["n"],
                a=a,
                t=words.plural(one),
                m=money(paid),
            ),
        ]
        text, value = steps.multiply(b, a)
        rest, change = steps.subtract(paid, value)
        question = say(
            "[how much change [does {n} get|is there|comes back]|what is the change|how much does {n} get"
            " back]",
            rng,
            **cast,
        )
        return Turn(
            "stories", joined(parts, question, rng), f"Compute.\n{paid}-{b}*{a}\n{text}\n{rest}", str(change)
        )
    if kind == 2:
        start = some(rng)
        spent = rng.randint(1, start)
        parts = [
            say("{n} [has|had|saved|took|earned] {m}", rng, n=cast["n"], m=money(start)),
            say(
                "{s} [spends|spent|pays|paid|uses] {m}[| on {t}| for a {x}]",
                rng,
                s=cast["s"],
                m=money(spent),
                t=cast["t"],
                x=one,
            ),
        ]
        question = say(
            "[how much [is left|does {n} have left|remains|money is left|is still there|money does {n} have"
            " now]|what is left]",
            rng,
            **cast,
        )
        return computed(joined(parts, question, rng), start, [("-", spent)])
    if kind == 3:
        x, y = some(rng), some(rng)
        question = say(
            "[how much do they cost together|what is the total|how much is that in total|how much for"
            " both|what do both cost|how much does {n} pay]",
            rng,
            **cast,
        )
        other = words.thing(rng)
        return computed(
            joined(
                [
                    say(
                        "[a|one] {x} costs {m} and [a|one] {y} [costs |is |]{k}",
                        rng,
                        x=one,
                        y=other,
                        m=money(x),
                        k=money(y),
                    )
                ],
                question,
                rng,
            ),
            x,
            [("+", y)],
        )
    span = rng.choice(("hour", "day", "week", "month"))
    part = say(
        "{n} [earns|makes|saves|gets|is paid|spends|pays] {m} [a|per|every|each] {d}",
        rng,
        n=cast["n"],
        m=money(b),
        d=span,
    )
    return computed(
        joined(
            [part],
            say(
                "[how much [is that|does {n} have|will it be|is it] [in|after] {a} {d}s|what [is it|does that"
                " make] [after|in] {a} {d}s|how much in {a} {d}s]",
                rng,
                n=cast["n"],
                a=a,
                d=span,
            ),
            rng,
        ),
        b,
        [("*", a)],
    )


def share(rng: Random) -> Turn:
    """Equal parts, within the times tables."""
    cast, b, each = cast_of(rng), rng.randint(2, 12), rng.randint(1, 12)
    parts = [
        say(
            pattern("share 2"),
            rng,
            n=cast["n"],
            t=cast["t"],
            a=written(b * each, rng),
            b=written(b, rng),
        )
    ]
    question = say(
        pattern("share 1"),
        rng,
        t=cast["t"],
    )
    return computed(joined(parts, question, rng), b * each, [("/", b)])


def story(rng: Random) -> Turn:
    """Any of the kinds above."""
    kinds = (
        events,
        events,
        events,
        events,
        groups,
        groups,
        groups,
        prices,
        prices,
        compare,
        compare,
        compare,
        share,
    )
    return rng.choice(kinds)(rng)

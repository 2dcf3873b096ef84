"""More word problems: parts of a whole, goals, before and after, purchases, ages. The expression is known, so the
answer is computed; the wordings are in patterns.txt.
"""

from random import Random

from pebble import words
from pebble.story_parts import cast_of, computed, joined, some, written
from pebble.turns import Turn
from pebble.wording import alternatives, pattern, say

Moves = list[tuple[str, int]]


def parts_of(rng: Random) -> Turn:
    """A whole and a part: how large is the rest? Or a goal and what is there: how much is missing?"""
    cast, part = cast_of(rng), some(rng)
    whole = part + some(rng)
    a, b = written(whole, rng), written(part, rng)
    kind = rng.randrange(4)
    if kind == 0:
        one, other, crowd_ = rng.choice(
            (
                ("girls", "boys", "children"),
                ("boys", "girls", "pupils"),
                ("women", "men", "people"),
                ("men", "women", "guests"),
                ("adults", "children", "visitors"),
                ("red", "not red", cast["t"]),
                ("black", "white", "sheep"),
                ("old", "new", cast["t"]),
                ("big", "small", cast["t"]),
                ("taken", "free", "seats"),
                ("empty", "full", "bottles"),
                ("broken", "whole", cast["t"]),
                ("ripe", "not ripe", cast["t"]),
                ("hens", "ducks", "birds"),
                ("cats", "dogs", "animals"),
                ("sold", "not sold", cast["t"]),
            )
        )
        text = say(pattern("parts_of 2"), rng, a=a, b=b, t=crowd_, x=one)
        return computed(
            joined([text], say(pattern("parts_of 10"), rng, y=other, x=one, t=""), rng).replace("  ", " "),
            whole,
            [("-", part)],
        )
    if kind == 1:
        money = rng.random() < 0.5
        unit = say("[dollars|euros|coins|pounds|points]", rng) if money else cast["t"]
        text = say(
            pattern("parts_of 5"), rng, n=cast["n"], s=cast["s"], a=a, b=b, t=unit, g=words.thing(rng)
        ).replace("  ", " ")
        return computed(
            joined([text], say(pattern("parts_of 6"), rng, n=cast["n"], t=unit), rng), whole, [("-", part)]
        )
    if kind == 2:
        text = say(pattern("parts_of 3"), rng, n=cast["n"], a=a, b=b, t=cast["t"], p=cast["p"])
        return computed(
            joined([text], say(pattern("parts_of 7"), rng, n=cast["n"], t=cast["t"]), rng),
            whole,
            [("-", part)],
        )
    third = some(rng)
    text = say(pattern("parts_of 1"), rng, **cast, b=b, c=written(third, rng))
    moves: Moves = [("+", third)]
    parts = [text]
    if rng.random() < 0.4:
        gone = rng.randint(1, part + third - 1)
        moves.append(("-", gone))
        parts.append(say(pattern("parts_of 8"), rng, m=cast["m"], b=written(gone, rng)))
        return computed(joined(parts, say(pattern("parts_of 9"), rng, t=cast["t"]), rng), part, moves)
    if rng.random() < 0.3:
        fourth = some(rng)
        moves.append(("+", fourth))
        parts.append(
            say(
                "[{x} has {b}|another one has {b}|there are {b} more elsewhere]",
                rng,
                x=words.name(rng),
                b=written(fourth, rng),
            )
        )
    return computed(joined(parts, say(pattern("parts_of 4"), rng, t=cast["t"]), rng), part, moves)


def shopping(rng: Random) -> Turn:
    """Money: had and spent, several prices, several pieces, change."""
    cast, unit = (
        cast_of(rng),
        rng.choice(("$", "€", " dollars", " dollars", " euros", " euros", " pounds", " coins", " cents")),
    )

    def money(value: int) -> str:
        return f"{unit}{value}" if len(unit) == 1 else f"{written(value, rng)}{unit}"

    kind = rng.randrange(5)
    first, second = words.thing(rng), words.thing(rng)
    if kind <= 1:
        spent = [rng.randint(1, 60) for _ in range(rng.choice((1, 2, 2, 3)))]
        had = sum(spent) + rng.randint(0, 99)
        who = rng.choice((cast["n"], cast["n"], "I"))
        parts = [
            say(
                "{h} [have|had|got|had saved|started with]"
                if who == "I"
                else "{h} [has|had|gets|saved|starts with|goes shopping with|takes]",
                rng,
                h=who,
            )
            + f" {money(had)}"
        ]
        spending = say(
            "{s} [spent|spent|paid|used|spends|pays]" if who != "I" else "{s} [spent|spend|paid|used]",
            rng,
            s=cast["s"] if who != "I" else "I",
        )
        goods = (first, second, "book", "lunch", "ticket", "bus")
        each = [
            f"{money(x) if rng.random() < 0.5 else x}{say(' [on|for] [a|the|some] {x}', rng, x=rng.choice(goods))}"
            for x in spent
        ]
        parts.append(
            f"{spending} {' and '.join(each) if len(each) < 3 else ', '.join(each[:-1]) + ' and ' + each[-1]}"
        )
        question = say(pattern("shopping 3"), rng, h=who).replace("does I", "do I").replace("has I", "have I")
        return computed(joined(parts, question, rng), had, [("-", x) for x in spent])
    if kind == 2:
        price, count = rng.randint(2, 60), rng.randint(2, 12)
        text = (
            say("[a|one|each|every] {x} [costs|is|is sold for|sells for]", rng, x=first) + f" {money(price)}"
        )
        k = written(count, rng)
        question = say(pattern("shopping 1"), rng, n=cast["n"], k=k, y=words.plural(first))
        return computed(joined([text], question, rng), price, [("*", count)])
    if kind == 3:
        a, b = rng.randint(2, 90), rng.randint(2, 90)
        text = say(pattern("shopping 5"), rng, x=first, y=second, a=money(a), b=money(b))
        question = say(pattern("shopping 2"), rng, n=cast["n"])
        return computed(joined([text], question, rng), a, [("+", b)])
    price, count, other = rng.randint(2, 30), rng.randint(2, 9), rng.randint(2, 50)
    text = say(
        pattern("shopping 4"),
        rng,
        n=cast["n"],
        k=written(count, rng),
        y=words.plural(first),
        a=money(price),
        z=second,
        b=money(other),
    )
    return computed(
        joined([text], say(pattern("shopping 6"), rng, n=cast["n"]), rng), count, [("*", price), ("+", other)]
    )


def ages(rng: Random) -> Turn:
    """Who is how old, how tall, how far; more and less than another."""
    cast, base, gap = cast_of(rng), rng.randint(4, 80), rng.randint(1, 40)
    older = rng.random() < 0.5 or gap >= base
    kin = say(pattern("ages 1"), rng, n=cast["n"], m=cast["m"])
    kind = rng.randrange(3)
    a, b = written(base, rng), written(gap, rng)
    if kind == 0:
        text = say(
            "{n} is {a}[| years old] and {k} is {b} years [c]", rng, n=cast["n"], a=a, b=b, k=kin
        ).replace(" c", " older" if older else " younger")
        question = say("how old is [{k}|he|she|{k}]", rng, k=kin)
    elif kind == 1:
        unit = say("[metres|cm|kilos|points|miles|pages|steps|euros|dollars]", rng)
        text = say(pattern("ages 4"), rng, n=cast["n"], a=a, b=b, k=kin, u=unit).rstrip() + (
            " more" if older else " less"
        )
        question = say(pattern("ages 3").join("[]"), rng, k=kin, u=unit)
    else:
        text = say("{n} is {a}[| years old| now]", rng, n=cast["n"], a=a)
        question = say(
            pattern("ages 2") if older else "[how old was {n} {b} years ago|what age was {n} {b} years ago]",
            rng,
            n=cast["n"],
            b=b,
        )
    return computed(joined([text], question, rng), base, [("+" if older else "-", gap)])


def multiples(rng: Random) -> Turn:
    """Twice, three times, ten times as many; sometimes both together."""
    cast, base, times = cast_of(rng), some(rng), rng.choice((2, 2, 2, 3, 3, 4, 5, 6, 10))
    spoken = {2: "twice|double|two times", 3: "three times|thrice|triple"}.get(
        times, f"{words.spoken(times)} times"
    )
    many = f"[{spoken}|{times} times]"
    chosen = rng.choice(alternatives("multiples"))
    shown = written(base, rng)
    slots = {"n": cast["n"], "m": cast["m"], "t": cast["t"], "x": words.thing(rng), "y": words.thing(rng)}
    text = say(chosen.replace("{k}", many), rng, **slots, a=shown)
    asked = "[how many [{t} |]does {m} have|how many has {m}|what does {m} have|and {m}]"
    if "costs" in chosen:
        asked = "[how much [is|does] the {y}[| cost]|what does the {y} cost|what is the price of the {y}]"
    elif "years" in chosen:
        asked = "[how old is {m}|what is {m}'s age]"
    elif "there were" in chosen:
        asked = "[how many [{t} |]are there [now|today]|how many [{t} |]is that|how many now]"
    elif "collects" in chosen:
        asked = "[how many [{t} |]is that for {m}|how many [{t} |]for {m}|what about {m}]"
    elif rng.random() < 0.3:
        asked = "how many [{t} |]do they have [together|in total|altogether|in all]"
        return computed(joined([text], say(asked, rng, **slots), rng), base, [("*", times), ("+", base)])
    return computed(
        joined([text], say(asked, rng, **slots).replace(" cost cost", " cost"), rng), base, [("*", times)]
    )

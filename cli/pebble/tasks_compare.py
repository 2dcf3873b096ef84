"""Word problems that compare: more and fewer, times as many, both together, how many are missing, ages.

The expression is known, so the answer is computed.
"""

from random import Random

from pebble.story_parts import cast_of, computed, joined, some, written
from pebble.turns import Turn
from pebble.wording import pattern, say


def compare(rng: Random) -> Turn:
    """Two people or things: more, fewer, times as many, both together, how many missing, ages."""
    cast, a, b = cast_of(rng), some(rng), some(rng)
    who = {"n": cast["n"], "m": cast["m"], "t": cast["t"]}
    low, high = min(a, b), max(a, b) + (a == b)
    kind = rng.randrange(9)
    if kind == 0:
        parts = [
            say("{n} has {a} {t}", rng, **who, a=written(a, rng)),
            say("{m} has {b} [more|more {t}|more than {n}|more {t} than {n}]", rng, **who, b=written(b, rng)),
        ]
        if rng.random() < 0.5:
            return computed(
                joined(
                    parts,
                    say("[how many [{t} |]does {m} have|what does {m} have|how many has {m}]", rng, **who),
                    rng,
                ),
                a,
                [("+", b)],
            )
        return computed(
            joined(
                parts, say("how many [{t} |]do they have [together|in total|altogether]", rng, **who), rng
            ),
            a,
            [("+", b), ("+", a)],
        )
    if kind == 1:
        parts = [
            say("{n} has {a} {t}", rng, **who, a=written(high, rng)),
            say(
                "{m} has {b} [fewer|less|fewer {t}|fewer than {n}|less than {n}]",
                rng,
                **who,
                b=written(low, rng),
            ),
        ]
        return computed(
            joined(parts, say("[how many [{t} |]does {m} have|how many has {m}]", rng, **who), rng),
            high,
            [("-", low)],
        )
    if kind == 2:
        times, base = rng.randint(2, 9), rng.randint(2, 30)
        parts = [
            say("{n} has {a} {t}", rng, **who, a=written(base, rng)),
            say(
                (
                    "{m} has {b} times as many"
                    if times > 2
                    else "{m} has [twice as many|double that|two times as many]"
                ),
                rng,
                **who,
                b=written(times, rng),
            ),
        ]
        if rng.random() < 0.6:
            return computed(
                joined(parts, say("[how many [{t} |]does {m} have|how many has {m}]", rng, **who), rng),
                base,
                [("*", times)],
            )
        return computed(
            joined(
                parts, say("how many [{t} |]do they have [together|in total|altogether]", rng, **who), rng
            ),
            base,
            [("*", times), ("+", base)],
        )
    if kind == 3:
        parts = [
            say("{n} has {a} {t} and {m} has {b}[| {t}]", rng, **who, a=written(a, rng), b=written(b, rng))
        ]
        return computed(
            joined(
                parts,
                say(
                    pattern("compare 3"),
                    rng,
                    **who,
                ),
                rng,
            ),
            a,
            [("+", b)],
        )
    if kind == 4:
        parts = [
            say(
                "{n} has {a} {t} and {m} has {b}[| {t}]",
                rng,
                **who,
                a=written(high, rng),
                b=written(low, rng),
            )
        ]
        return computed(
            joined(
                parts,
                say(
                    "[how many more [{t} |]does {n} have[| than {m}]|how many fewer [{t} |]does {m} have[|"
                    " than {n}]|what is the difference|by how many does {n} lead]",
                    rng,
                    **who,
                ),
                rng,
            ),
            high,
            [("-", low)],
        )
    if kind == 5:
        parts = [
            say(
                pattern("compare 1"),
                rng,
                **who,
                a=written(high, rng),
                b=written(low, rng),
            )
        ]
        return computed(
            joined(
                parts,
                say(
                    "[how many more [{t} |]does {n} need|how many [{t} |]are missing|how many [more |]are"
                    " needed|how many are still missing]",
                    rng,
                    **who,
                ),
                rng,
            ),
            high,
            [("-", low)],
        )
    if kind == 6:
        parts = [
            say(
                pattern("compare 2"),
                rng,
                **who,
                a=written(high, rng),
                b=written(low, rng),
            )
        ]
        return computed(
            joined(
                parts,
                say(
                    "[how many [{t} |][are gone|were lost|are missing|went missing|did {n} lose]|how many"
                    " [{t} |]did {n} [give away|lose|use|eat]]",
                    rng,
                    **who,
                ),
                rng,
            ),
            high,
            [("-", low)],
        )
    if kind == 7:
        age, years = rng.randint(3, 80), rng.randint(2, 30)
        if rng.random() < 0.4:
            return computed(
                joined(
                    [say("{n} is {a}[| years old]", rng, **who, a=age)],
                    say("how old will {n} be in {b} years", rng, **who, b=years),
                    rng,
                ),
                age,
                [("+", years)],
            )
        older = rng.random() < 0.5 or years > age
        parts = [
            say("{n} is {a}[| years old]", rng, **who, a=age),
            say("{m} is {b} years {c}[| than {n}]", rng, **who, b=years, c="older" if older else "younger"),
        ]
        return computed(
            joined(parts, say("how old is {m}", rng, **who), rng), age, [("+" if older else "-", years)]
        )
    total, part = high + 1, rng.randint(1, high)
    one = rng.choice(("boys", "red", "green", "children", "broken", "new", "ripe", "women"))
    rest = {
        "boys": "girls",
        "red": "not red",
        "green": "not green",
        "children": "adults",
        "broken": "not broken",
        "new": "old",
        "ripe": "not ripe",
        "women": "men",
    }[one]
    crowd = rng.choice(("people", "students")) if one in ("boys", "children", "women") else cast["t"]
    parts = [
        say(
            "[there are {a} {t} in the {p}|a {p} has {a} {t}|of {a} {t}]",
            rng,
            a=written(total, rng),
            t=crowd,
            p=cast["p"],
        ).replace("of ", "there are ")
        + say("[ and|, |. Of these] {b} are {x}", rng, b=written(part, rng), x=one).replace(",  ", ", ")
    ]
    return computed(joined(parts, say("how many are {y}", rng, y=rest), rng), total, [("-", part)])

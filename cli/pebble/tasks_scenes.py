"""More word problems, from tables of events: verbs in their tenses, crowds that come and go, packs, rates.

The expression is known, so the answer is computed; the wordings are in patterns.txt.
"""

from random import Random

from pebble import words
from pebble.story_parts import cast_of, computed, joined, some, written
from pebble.tasks_shopping import ages, multiples, parts_of, shopping
from pebble.turns import Turn
from pebble.wording import alternatives, as_read, pattern, say

# "gains", "losses": base, third person, past, and the rest; `*` stands for the number and what is counted
GAINS, LOSSES = alternatives("gains"), alternatives("losses")
BEFALL = pattern("befall")
ENTER = pattern("enter")
LEAVE = pattern("leave")
CROWD = {
    "[bus|train|tram|boat|ferry|lift|plane|metro]": "[people|passengers|riders|travellers|children|guests]",
    "[room|hall|library|museum|shop|café|cinema|office|park|gym|hotel|restaurant|theatre|pool]": (
        "[people|guests|visitors|customers|children|students|persons]"
    ),
    "[class|school|club|team|choir|course|party|group|camp]": "[children|students|members|pupils|kids|people]",
    "[tree|roof|wire|fence|lawn|field|pond|lake|farm|garden]": "[birds|ducks|geese|sparrows|crows|frogs|pigeons|sheep]",
    "[car park|garage|harbour|parking lot|street]": "[cars|trucks|vans|vehicles|bikes]",
}
MANY = pattern("many")
IN_ALL = pattern("in_all")


def _happening(table: tuple[str, ...], rng: Random, subject: str, number: int, cast: dict[str, str]) -> str:
    base, third, past, *rest = rng.choice(table).split(" ")
    plural = subject in {"I", "we", "you", "they"}
    verb = past if rng.random() < 0.5 else base if plural else third
    if base == "be":
        verb = "was" if subject == "I" else "were" if plural else verb
    amount = written(number, rng) + say(
        "[||||| more| {t}| others]" if table is GAINS else "[|||| of them| {t}| of the {t}]",
        rng,
        t=cast["t"],
    )
    text = " ".join((verb, *rest)).replace("*", amount)
    text = f"{subject} {say('[||||then |later |also |]', rng)}{text}"
    return text.replace("{m}", cast["m"])


def owner(rng: Random) -> Turn:
    """Somebody has things; one to three things happen."""
    cast, value = cast_of(rng), some(rng)
    subject = rng.choice((cast["n"], cast["n"], cast["n"], "I", "we", "you"))
    have = {"I": "have", "we": "have", "you": "have"}.get(subject, "has")
    start, moves = value, []
    amount = written(value, rng)
    owns = have if have == "have" else "owns"
    parts = [f"{subject} [{have}|{have}|had|{owns}|started with|bought|got|found|collected] {amount} {{t}}"]
    parts[0] = say(parts[0], rng, t=cast["t"]) + say("[||||| in [a|the] {p}]", rng, p=cast["p"])
    later = (
        subject if subject in {"I", "we", "you"} or rng.random() < 0.3 else rng.choice(("he", "she", "they"))
    )
    for _ in range(rng.choice((1, 1, 2, 2, 3))):
        if value > 1 and rng.random() < 0.58:
            b = rng.randint(1, value - 1) if rng.random() < 0.6 else rng.randint(1, min(12, value - 1))
            if b > 2 and rng.random() < 0.12:
                c = rng.randint(1, b - 1)
                slots = {"s": later, "m": cast["m"], "a": written(c, rng), "b": written(b - c, rng)}
                parts.append(say(pattern("twice the same"), rng, **slots))
                moves, value = [*moves, ("-", c), ("-", b - c)], value - b
                continue
            parts.append(
                say(BEFALL, rng, b=written(b, rng), m=cast["m"])
                if rng.random() < 0.3
                else _happening(LOSSES, rng, later, b, cast)
            )
            moves, value = [*moves, ("-", b)], value - b
        else:
            b = some(rng)
            parts.append(
                say(pattern("owner 1"), rng, **cast, b=written(b, rng))
                if rng.random() < 0.3
                else _happening(GAINS, rng, later, b, cast)
            )
            moves, value = [*moves, ("+", b)], value + b
    who = {"I": "I", "we": "we", "you": "you"}.get(subject, cast["n"])
    question = say(MANY if moves[-1][0] == "-" else IN_ALL, rng, n=who, t=cast["t"])
    if who != cast["n"]:
        question = (
            question.replace(f"does {who}", f"do {who}")
            .replace(f"has {who}", f"have {who}")
            .replace(f"is {who} ", "are we " if who == "we" else f"{'am' if who == 'I' else 'are'} {who} ")
        )
    return computed(joined(parts, question, rng), start, moves)


def crowd(rng: Random) -> Turn:
    """People, animals or cars somewhere; some come, some go."""
    place = rng.choice(list(CROWD))
    crowd_, where, value = say(CROWD[place], rng), say(place, rng), rng.randint(3, 99)
    start, moves = value, []
    on = say("[in|on|at]", rng)
    parts = [say(pattern("crowd 2"), rng, a=written(value, rng), t=crowd_, w=where, on=on)]
    stops = say(pattern("crowd 3"), rng)
    for _ in range(rng.choice((1, 1, 2, 2, 3))):
        if value > 1 and rng.random() < 0.55:
            b = rng.randint(1, value - 1)
            parts.append(stops + say(LEAVE, rng, b=written(b, rng)))
            moves, value = [*moves, ("-", b)], value - b
        else:
            b = rng.randint(1, 60)
            parts.append(stops + say(ENTER, rng, b=written(b, rng)))
            moves, value = [*moves, ("+", b)], value + b
        stops = ""
    question = say(pattern("crowd 1"), rng, t=crowd_, w=where, on=on)
    return computed(joined(parts, question, rng), start, moves)


PACKS = alternatives("packs")


def packs(rng: Random) -> Turn:
    """A number of packs of a size, then perhaps more or fewer."""
    cast = cast_of(rng)
    a, b, box = rng.randint(2, 15), rng.randint(2, 25 if rng.random() < 0.6 else 99), rng.choice(PACKS)
    who, shown = say(pattern("packs 4"), rng, n=cast["n"]), {"a": written(a, rng), "b": written(b, rng)}
    parts = [
        say(
            pattern("packs 3"),
            rng,
            h=who or "there are",
            **shown,
            x=box,
            t=cast["t"],
            y=box.removesuffix("s")
            if box not in {"boxes", "buses", "classes", "bunches", "benches", "shelves"}
            else {"shelves": "shelf"}.get(box, box.removesuffix("es")),
        )
        .replace(" ,", ",")
        .strip()
    ]
    a, b = as_read(parts[0], [(a, shown["a"]), (b, shown["b"])])
    moves, value = [("*", b)], a * b
    if rng.random() < 0.5:
        c = rng.randint(1, min(99, value - 1))
        minus = rng.random() < 0.6
        moves.append(("-" if minus else "+", c))
        parts.append(say((BEFALL if minus else pattern("packs 2")), rng, b=written(c, rng), m=cast["m"]))
        question = say(pattern("packs 5") if minus else pattern("packs 6"), rng, t=cast["t"])
    else:
        question = say(pattern("packs 1"), rng, t=cast["t"], x=box)
    return computed(joined(parts, question, rng), a, moves)


def rate(rng: Random) -> Turn:
    """An amount per day for a number of days; sometimes what was done before or is left is added or subtracted."""
    cast, each, times = cast_of(rng), rng.randint(2, 40), rng.randint(2, 15)
    span, many = rng.choice(
        (
            ("day", "days"),
            ("hour", "hours"),
            ("week", "weeks"),
            ("minute", "minutes"),
            ("month", "months"),
            ("year", "years"),
            ("night", "nights"),
            ("trip", "trips"),
            ("game", "games"),
            ("lap", "laps"),
        )
    )
    what = rng.choice(
        (
            "pages",
            "miles",
            "kilometres",
            "words",
            "eggs",
            "dollars",
            "euros",
            "points",
            "steps",
            cast["t"],
            cast["t"],
        )
    )
    who = rng.choice(
        (
            cast["n"],
            cast["n"],
            f"my {words.thing(rng)}",
            "a "
            + rng.choice(
                ("hen", "machine", "baker", "worker", "printer", "farmer", "writer", "cow", "shop", "runner")
            ),
        )
    )
    verb = say(pattern("rate 3"), rng)
    parts = [say(pattern("rate 4"), rng, h=who, v=verb, a=written(each, rng), w=what, d=span)]
    k = written(times, rng)
    question = say(
        pattern("rate 1"),
        rng,
        w=what,
        k=k,
        d=many,
        h=who,
        u="have" if rng.random() < 0.3 else verb.removesuffix("s"),
    )
    parts[0] = parts[0].replace(" a hour", " an hour")
    roll = rng.random()
    if roll < 0.5:
        if roll < 0.3:
            parts[0] += say(" [for|during] {k} {d}", rng, k=k, d=many)
        else:
            parts.append(say(pattern("rate goes on"), rng, h=who, k=k, d=many))
        question = say(pattern("rate 2"), rng, w=what, h=who, u=verb.removesuffix("s"))
    return computed(joined(parts, question, rng), each, [("*", times)])


def scene(rng: Random) -> Turn:
    """Any of the kinds above."""
    kinds = (
        owner,
        owner,
        owner,
        crowd,
        crowd,
        packs,
        packs,
        rate,
        rate,
        parts_of,
        parts_of,
        parts_of,
        shopping,
        shopping,
        ages,
        multiples,
    )
    return rng.choice(kinds)(rng)

"""Word problems of one to three steps, with people, things and places drawn anew (invented ones included).

A story is an opening (`{n} has 12 apples`), up to two more events, and a question; the expression is known, so the
answer is computed.
"""

from random import Random

from pebble import steps, words
from pebble.turns import Turn
from pebble.wording import rough, say

START = (
    "[{n} has {a} {t}|{n} had {a} {t}|there are {a} {t} in [a|the] {p}|{n} starts with {a} {t}|{n} owns {a} {t}|a {p} [has|holds|contains] {a} {t}|{n} bought {a} {t}|{n} collected {a} {t}|"
    "{n} finds {a} {t}|I have {a} {t}|I had {a} {t}|there were {a} {t} on the {p}|my {w} has {a} {t}|{n} picked {a} {t}|{n} baked {a} {t}|you have {a} {t}|we have {a} {t}|[imagine|suppose|say] {n} has {a} {t}|{n} got {a} {t}|a farmer has {a} {t}|the {p} has {a} {t}|in [a|the] {p} there are {a} {t}|{n} counted {a} {t}]"
)
GAIN = (
    "[{s} [buys|gets|finds|receives|wins|collects|picks up|earns|picks|makes|adds|takes] {b} more|{m} gives {o} {b} more|{m} brings {b} [more|others|new ones]|{b} more [are added|arrive|come|are put in|are delivered|join|appear]|{s} [bought|got|found|received|won|picked] {b} [more|others|extra ones|new ones]|"
    "{m} gave {o} {b}|{m} adds {b} more|then {s} [gets|buys|finds] another {b}|another {b} [come|arrive|are added]|{m} hands {o} {b}|{s} gained {b}|{m} put {b} more in|{b} new ones are bought|later {s} got {b} more]"
)
LOSE = (
    "[{s} [gives|gave] {b} [away|to {m}|of them to {m}|to a friend|of them away]|{s} [loses|lost|eats|ate|sells|sold|breaks|broke|uses|used|drops|dropped|throws away|donates|spends] {b}[| of them]|{m} takes {b}|{m} [took|stole|ate|borrowed|removed] {b}[| of them]|{b} [of them |]are [sold|eaten|lost|taken|broken|removed|given away|used|taken away]|"
    "{b} [fall out|break|disappear|get lost|leave|go missing|roll away|are gone|fly away]|then {s} [loses|sells|gives away|eats] {b}|{s} puts {b} away|{s} hands {b} to {m}|{b} were [eaten|sold|stolen|thrown away]]"
)
LEFT = "[how many [{t} ||]are left|how many [{t} |]does {n} have [left|now|in the end|then|at the end]|how many [{t} ||]remain|how many are there [now|in the end|then]|how many {t} are there now|what is left|how many now|how many [{t} |]are there in the end|what's the [number|count] of {t} now|how many {t} is that]"
TOTAL = "[how many [{t} ||]does {n} have [now|in total|altogether|in all|then|in the end]|how many [{t} |]are there [now|in total|altogether|in all|then]|how many {t} is that|how many in total|what is the total|how many [{t} |]in all|how many altogether|find the total number of {t}|how many {t} now]"


def _number(rng: Random, hard: float = 0.12) -> int:
    roll = rng.random()
    return rng.randint(100, 900) if roll < hard else rng.randint(20, 99) if roll < 0.5 else rng.randint(2, 20)


def _cast(rng: Random) -> dict[str, str]:
    first, second = words.name(rng), words.name(rng)
    return {"n": first, "m": second, "t": words.plural(words.thing(rng)), "p": rng.choice(words.PLACES), "w": say("[sister|brother|friend|mother|uncle|neighbour|dog|boss]", rng),
            "s": rng.choice((first, "he", "she", "she", "he", "they")), "o": rng.choice((first, "him", "her"))}


def _written(number: int, rng: Random) -> str:
    return words.spoken(number) if number < 100 and rng.random() < 0.15 else str(number)


def _join(parts: list[str], question: str, rng: Random) -> str:
    text = parts[0][0].upper() + parts[0][1:]
    for part in parts[1:]:
        link = rng.choice((". ", ". ", ". ", " and ", ", then ", ", and ", ", ", ". Then ", " but ", ". After that ", "; "))
        if link == ", then " or link == ". Then ":
            part = part.removeprefix("then ")
        text += link + (part[0].upper() + part[1:] if link == ". " else part)
    text += rng.choice((". ", ". ", ". ", ". ", ", ", "; ", " - ", ".\n"))
    question = question[0].upper() + question[1:] if text.endswith((". ", ".\n")) else question
    text += question + rng.choice(("?", "?", "?", "?", "", "??", "."))
    roll = rng.random()
    return text.lower() if roll < 0.08 else rough(text, rng)


def _turn(question: str, start: int, moves: list[tuple[str, int]]) -> Turn:
    text, value = steps.chain(start, moves)
    return Turn("stories", question, f"Compute.\n{text}", str(value))


def events(rng: Random) -> Turn:
    """Something is had, then one or two things happen to it."""
    cast, value = _cast(rng), _number(rng)
    start, moves = value, []
    parts = [say(START, rng, **cast, a=_written(value, rng))]
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3))):
        if value > 1 and rng.random() < 0.55:
            b = rng.randint(1, value - 1) if rng.random() < 0.6 else rng.randint(1, min(9, value - 1))
            moves.append(("-", b))
            parts.append(say(LOSE, rng, **cast, b=_written(b, rng)))
            value -= b
        else:
            b = _number(rng)
            moves.append(("+", b))
            parts.append(say(GAIN, rng, **cast, b=_written(b, rng)))
            value += b
    question = say(LEFT if moves[-1][0] == "-" else TOTAL, rng, **cast)
    return _turn(_join(parts, question, rng), start, moves)


def groups(rng: Random) -> Turn:
    """So many groups of so many, with something added or taken at times."""
    cast = _cast(rng)
    a, b = rng.randint(2, 12), rng.randint(2, 25 if rng.random() < 0.7 else 99)
    box = words.plural(rng.choice(("box", "bag", "basket", "shelf", "row", "pack", "table", "jar", "crate", "room", "bus", "page", "carton", "tray", "bunch", "pile", words.invented(rng, 2)))).replace("shelfs", "shelves")
    one = say("[each|every|each one|each of them]", rng)
    frames = (
        "[{n} has|there are|we have|I have|{n} buys|{n} bought|a shop has|a {p} has|you have] {a} {x}[ with| of|, each with|, each holding| containing| that hold| with exactly] {b} {t}[| each| in each]|[there are {a} {x}. {e} [has|holds|contains] {b} {t}|{n} has {a} {x} and {e} [has|holds|contains] {b} {t}|{e} of {a} {x} [has|holds|contains] {b} {t}|"
        "{n} [packs|puts|places] {b} {t} in each of {a} {x}|{n} fills {a} {x} with {b} {t} each|{a} {x} [hold|have|contain] {b} {t} each]"
    )
    parts = [say(f"[{frames}]", rng, **cast, a=_written(a, rng), b=_written(b, rng), x=box, e=one)]
    moves, value = [("*", b)], a * b
    if rng.random() < 0.45:
        c = rng.randint(1, min(40, value - 1))
        if rng.random() < 0.5:
            moves.append(("-", c))
            parts.append(say(LOSE, rng, **cast, b=_written(c, rng)))
            question = say(LEFT, rng, **cast)
        else:
            moves.append(("+", c))
            parts.append(say(f"[{GAIN}|there are {{b}} [more|loose {{t}}|others] [besides|outside|on the floor|on the table]]", rng, **cast, b=_written(c, rng)))
            question = say(TOTAL, rng, **cast)
    else:
        question = say("[how many {t} are there [in total|altogether|in all||]|how many {t} is that|how many {t} does {n} have|how many {t} in total|how many {t}|what is the total number of {t}|how many {t} are there]", rng, **cast)
    return _turn(_join(parts, question, rng), a, moves)


def prices(rng: Random) -> Turn:
    """Costs, change and wages."""
    cast = _cast(rng)
    one, unit = words.thing(rng), rng.choice(("$", "€", "£", " dollars", " euros", " coins", " cents", " dollars"))

    def money(value: int) -> str:
        return f"{unit}{value}" if len(unit) == 1 else f"{value}{unit}"

    a, b = rng.randint(2, 12), rng.randint(2, 30)
    cost = say("[a|one|each|every] {x} [costs|is|is sold for] {m}", rng, x=one, m=money(b))
    kind = rng.randrange(5)
    if kind == 0:
        question = say("[how much [do|would|will] {a} {t} cost|what [do|would] {a} {t} cost|what is the [price|cost] of {a} {t}|how much for {a} {t}|how much must {n} pay for {a} {t}|{n} buys {a} {t}, how much does {n} pay]", rng, **{**cast, "t": words.plural(one)}, a=a)
        return _turn(_join([cost], question, rng), b, [("*", a)])
    if kind == 1:
        paid = a * b + rng.randint(1, 50)
        parts = [cost, say("{n} [buys|bought|gets|takes] {a} [of them|{t}] and [pays with|hands over|gives|pays] {m}", rng, n=cast["n"], a=a, t=words.plural(one), m=money(paid))]
        text, value = steps.multiply(b, a)
        rest, change = steps.subtract(paid, value)
        question = say("[how much change [does {n} get|is there|comes back]|what is the change|how much does {n} get back]", rng, **cast)
        return Turn("stories", _join(parts, question, rng), f"Compute.\n{paid}-{b}*{a}\n{text}\n{rest}", str(change))
    if kind == 2:
        start = _number(rng)
        spent = rng.randint(1, start)
        parts = [say("{n} [has|had|saved|took|earned] {m}", rng, n=cast["n"], m=money(start)), say("{s} [spends|spent|pays|paid|uses] {m}[| on {t}| for a {x}]", rng, s=cast["s"], m=money(spent), t=cast["t"], x=one)]
        question = say("[how much [is left|does {n} have left|remains|money is left|is still there|money does {n} have now]|what is left]", rng, **cast)
        return _turn(_join(parts, question, rng), start, [("-", spent)])
    if kind == 3:
        x, y = _number(rng), _number(rng)
        question = say("[how much do they cost together|what is the total|how much is that in total|how much for both|what do both cost|how much does {n} pay]", rng, **cast)
        other = words.thing(rng)
        return _turn(_join([say("[a|one] {x} costs {m} and [a|one] {y} [costs |is |]{k}", rng, x=one, y=other, m=money(x), k=money(y))], question, rng), x, [("+", y)])
    span = rng.choice(("hour", "day", "week", "month"))
    part = say("{n} [earns|makes|saves|gets|is paid|spends|pays] {m} [a|per|every|each] {d}", rng, n=cast["n"], m=money(b), d=span)
    return _turn(_join([part], say("[how much [is that|does {n} have|will it be|is it] [in|after] {a} {d}s|what [is it|does that make] [after|in] {a} {d}s|how much in {a} {d}s]", rng, n=cast["n"], a=a, d=span), rng), b, [("*", a)])


def compare(rng: Random) -> Turn:
    """Two people or things: more, fewer, times as many, both together, how many missing, ages."""
    cast, a, b = _cast(rng), _number(rng), _number(rng)
    who = {"n": cast["n"], "m": cast["m"], "t": cast["t"]}
    low, high = min(a, b), max(a, b) + (a == b)
    kind = rng.randrange(9)
    if kind == 0:
        parts = [say("{n} has {a} {t}", rng, **who, a=_written(a, rng)), say("{m} has {b} [more|more {t}|more than {n}|more {t} than {n}]", rng, **who, b=_written(b, rng))]
        if rng.random() < 0.5:
            return _turn(_join(parts, say("[how many [{t} |]does {m} have|what does {m} have|how many has {m}]", rng, **who), rng), a, [("+", b)])
        return _turn(_join(parts, say("how many [{t} |]do they have [together|in total|altogether]", rng, **who), rng), a, [("+", b), ("+", a)])
    if kind == 1:
        parts = [say("{n} has {a} {t}", rng, **who, a=_written(high, rng)), say("{m} has {b} [fewer|less|fewer {t}|fewer than {n}|less than {n}]", rng, **who, b=_written(low, rng))]
        return _turn(_join(parts, say("[how many [{t} |]does {m} have|how many has {m}]", rng, **who), rng), high, [("-", low)])
    if kind == 2:
        times, base = rng.randint(2, 9), rng.randint(2, 30)
        parts = [say("{n} has {a} {t}", rng, **who, a=_written(base, rng)), say("{m} has {b} times as many" if times > 2 else "{m} has [twice as many|double that|two times as many]", rng, **who, b=_written(times, rng))]
        if rng.random() < 0.6:
            return _turn(_join(parts, say("[how many [{t} |]does {m} have|how many has {m}]", rng, **who), rng), base, [("*", times)])
        return _turn(_join(parts, say("how many [{t} |]do they have [together|in total|altogether]", rng, **who), rng), base, [("*", times), ("+", base)])
    if kind == 3:
        parts = [say("{n} has {a} {t} and {m} has {b}[| {t}]", rng, **who, a=_written(a, rng), b=_written(b, rng))]
        return _turn(_join(parts, say("[how many [{t} |]do they have [together|in total|altogether|in all]|how many [{t} |]are there [together|in total|altogether]|what is the total|how many [{t} |]in all|how many do both have]", rng, **who), rng), a, [("+", b)])
    if kind == 4:
        parts = [say("{n} has {a} {t} and {m} has {b}[| {t}]", rng, **who, a=_written(high, rng), b=_written(low, rng))]
        return _turn(_join(parts, say("[how many more [{t} |]does {n} have[| than {m}]|how many fewer [{t} |]does {m} have[| than {n}]|what is the difference|by how many does {n} lead]", rng, **who), rng), high, [("-", low)])
    if kind == 5:
        parts = [say("[{n} needs {a} {t} [and|but] [has|already has|only has] {b}|{n} wants {a} {t}. {n} [has|already has] {b}|{n} has {b} of the {a} {t} [needed|that are needed]|{n} has {b} {t} but needs {a}]", rng, **who, a=_written(high, rng), b=_written(low, rng))]
        return _turn(_join(parts, say("[how many more [{t} |]does {n} need|how many [{t} |]are missing|how many [more |]are needed|how many are still missing]", rng, **who), rng), high, [("-", low)])
    if kind == 6:
        parts = [say("[{n} had {a} {t}. Now {n} has {b}|there were {a} {t} and now there are {b}|{n} had {a} {t} and after a while only {b}[| are left]|of {a} {t}[,|] only {b} are left]", rng, **who, a=_written(high, rng), b=_written(low, rng))]
        return _turn(_join(parts, say("[how many [{t} |][are gone|were lost|are missing|went missing|did {n} lose]|how many [{t} |]did {n} [give away|lose|use|eat]]", rng, **who), rng), high, [("-", low)])
    if kind == 7:
        age, years = rng.randint(3, 80), rng.randint(2, 30)
        if rng.random() < 0.4:
            return _turn(_join([say("{n} is {a}[| years old]", rng, **who, a=age)], say("how old will {n} be in {b} years", rng, **who, b=years), rng), age, [("+", years)])
        older = rng.random() < 0.5 or years > age
        parts = [say("{n} is {a}[| years old]", rng, **who, a=age), say("{m} is {b} years {c}[| than {n}]", rng, **who, b=years, c="older" if older else "younger")]
        return _turn(_join(parts, say("how old is {m}", rng, **who), rng), age, [("+" if older else "-", years)])
    total, part = high + 1, rng.randint(1, high)
    one = rng.choice(("boys", "red", "green", "children", "broken", "new", "ripe", "women"))
    rest = {"boys": "girls", "red": "not red", "green": "not green", "children": "adults", "broken": "not broken", "new": "old", "ripe": "not ripe", "women": "men"}[one]
    crowd = rng.choice(("people", "students")) if one in ("boys", "children", "women") else cast["t"]
    parts = [say("[there are {a} {t} in the {p}|a {p} has {a} {t}|of {a} {t}]", rng, a=_written(total, rng), t=crowd, p=cast["p"]).replace("of ", "there are ") + say("[ and|, |. Of these] {b} are {x}", rng, b=_written(part, rng), x=one).replace(",  ", ", ")]
    return _turn(_join(parts, say("how many are {y}", rng, y=rest), rng), total, [("-", part)])


def share(rng: Random) -> Turn:
    """Equal parts, within the tables."""
    cast, b, each = _cast(rng), rng.randint(2, 12), rng.randint(1, 12)
    parts = [say("[{n} shares {a} {t} [equally |evenly |fairly |]among {b} [friends|children|people|kids]|{n} [splits|divides] {a} {t} [equally |evenly ||]into {b} [boxes|bags|groups|piles]|{a} {t} are [shared|divided|split] [equally |evenly |]by {b} [friends|people|children]|{n} has {a} {t} for {b} [friends|children|people|kids]]", rng,
                 n=cast["n"], t=cast["t"], a=_written(b * each, rng), b=_written(b, rng))]
    question = say("[how many [{t} |]does each [get|have|one get|person get|child get]|how many [{t} |]for each|how many [{t} |]are in each|how many each|how many [{t} |]per [person|group|one]]", rng, t=cast["t"])
    text, quotient, _ = steps.divide(b * each, b)
    return Turn("stories", _join(parts, question, rng), f"Compute.\n{b * each}/{b}\n{text}", str(quotient))


def story(rng: Random) -> Turn:
    """Any of the kinds above."""
    kinds = (events, events, events, events, groups, groups, groups, prices, prices, compare, compare, compare, share)
    return rng.choice(kinds)(rng)

"""Arithmetic questions: sums, differences, products, small divisions and chains of these.

Each function draws one `Turn` whose answer is computed, not written.
"""

from random import Random

from pebble import steps, words
from pebble.tasks_lists import listed, piped
from pebble.turns import Turn
from pebble.wording import amount, as_read, ask, order, pattern, rough, say


def size(rng: Random, digits: int = 4) -> int:
    """Draw a number of up to that many digits; every length is equally likely."""
    count = rng.randint(1, digits)
    return rng.randint(10 ** (count - 1) if count > 1 else 0, 10**count - 1)


def written(number: int, rng: Random) -> str:
    """The number as people write it: mostly digits, sometimes words or with a comma."""
    if 0 <= number < 10000 and rng.random() < (0.22 if number < 100 else 0.05 if number < 1000 else 0.02):
        return words.spoken(number) if rng.random() < 0.8 else words.spoken(number).replace("-", " ")
    return f"{number:,}" if number > 999 and rng.random() < 0.06 else str(number)


SUM = pattern("sum")
ADDING = pattern("adding")
DIFFERENCE = pattern("difference")
SUBTRACTING = pattern("subtracting")
GAP = pattern("gap")
PRODUCT = pattern("product")
MULTIPLYING = pattern("multiplying")


# Statements with a question behind them, lists behind a colon, questions about the result.
MORE_SUMS = pattern("more_sums")
MORE_DIFFERENCES = pattern("more_differences")
MORE_GAPS = pattern("more_gaps")
MORE_PRODUCTS = pattern("more_products")


def _statement(pattern: str, rng: Random, **slots: object) -> str:
    """One of the patterns above, with or without a frame around it."""
    text = say(pattern, rng, **slots)
    return ask(text, rng) if rng.random() < 0.5 else rough(text + say("[?|?||.|...| =|!|: ?]", rng), rng)


def _either(nouns: str, verbs: str, rng: Random, **slots: object) -> str:
    if rng.random() < 0.7:
        return amount(say(nouns, rng, **slots), rng)
    return order(say(f"[{verbs}]", rng, **slots).strip(), rng)


def addition(rng: Random) -> Turn:
    """Two numbers of up to 4 digits (few of 5)."""
    a, b = (size(rng), size(rng)) if rng.random() < 0.95 else (size(rng, 5), rng.randint(10000, 99999))
    if rng.random() < 0.3:
        digits = rng.randint(2, 4)
        a, b = (
            rng.randint(10 ** (digits - 1), 10**digits - 1),
            rng.randint(10 ** (digits - 1), 10**digits - 1),
        )
    shown = {"a": written(a, rng), "b": written(b, rng)}
    roll = rng.random()
    if roll < 0.06:
        question = ask(
            say(pattern("addition 1"), rng, **shown),
            rng,
        )
    elif roll < 0.1:
        shown = {"a": str(a), "b": str(b)}
        question = piped(
            (a, b),
            order(
                say(
                    "[add|add up|sum|sum up|total] [these|them|the numbers|these numbers|those|the"
                    " lines|everything|this][| up]",
                    rng,
                ),
                rng,
            ),
            rng,
        )
    elif roll < 0.32:
        question = _statement(MORE_SUMS, rng, **shown)
    else:
        question = _either(SUM, ADDING, rng, **shown)
    first, second = as_read(question, [(a, shown["a"]), (b, shown["b"])])
    text, value = steps.chain(first, [("+", second)])
    return Turn("addition", question, f"Compute.\n{text}", str(value))


def subtraction(rng: Random) -> Turn:
    """Two numbers of up to 4 digits, one time in ten with a negative result."""
    a, b = size(rng), size(rng)
    if rng.random() < 0.4:
        digits = rng.randint(2, 4)
        a, b = (
            rng.randint(10 ** (digits - 1), 10**digits - 1),
            rng.randint(10 ** (digits - 1), 10**digits - 1),
        )
    roll = rng.random()
    if a < b and roll > 0.2:
        a, b = b, a
    if 0.2 < roll < 0.36:
        return _gap(a, b, rng)
    slots = {"a": written(a, rng), "b": written(b, rng)}
    if roll < 0.05 or 0.36 < roll < 0.44:
        question = ask(say(pattern("subtraction 2"), rng, **slots), rng)
    elif roll < 0.1 or 0.44 < roll < 0.6:
        question = _statement(MORE_DIFFERENCES, rng, **slots)
    else:
        question = _either(DIFFERENCE, SUBTRACTING, rng, **slots)
    text, value = steps.chain(a, [("-", b)])
    return Turn("subtraction", question, f"Compute.\n{text}", str(value))


def _gap(a: int, b: int, rng: Random) -> Turn:
    """The distance of two numbers: `39~74` as in the question, then `74-39`. `a` is the larger one."""
    slots = {"a": written(a, rng), "b": written(b, rng)}
    roll = rng.random()
    if roll < 0.36:
        question = amount(say(GAP, rng, **slots), rng)
    elif roll < 0.7:
        question = _statement(MORE_GAPS, rng, **slots)
    else:
        question = ask(say(pattern("subtraction 1"), rng, **slots), rng)
    first, second = as_read(question, [(a, slots["a"]), (b, slots["b"])])
    text, value = steps.chain(a, [("-", b)])
    return Turn("subtraction", question, f"Compute.\n{first}~{second}\n{text}", str(value))


def multiplication(rng: Random) -> Turn:
    """Up to 3 by 2 digits, in either order."""
    roll = rng.random()
    if roll < 0.25:
        a, b = rng.randint(0, 12), rng.randint(0, 12)
    elif roll < 0.5:
        a, b = rng.randint(10, 999), rng.randint(2, 9)
    elif roll < 0.75:
        a, b = rng.randint(10, 99), rng.randint(10, 99)
    else:
        a, b = rng.randint(100, 999), rng.randint(10, 99)
    if rng.random() < 0.04:
        text, value = steps.chain(b, [("*", b)])
        question = amount(say("[{b} squared|the square of {b}|{b} times itself|{b}^2|{b}²]", rng, b=b), rng)
        return Turn("multiplication", question, f"Compute.\n{text}", str(value))
    if rng.random() < 0.04:
        factor, verb = rng.choice(((2, "[double|twice|two times]"), (3, "[triple|three times|thrice]")))
        text, value = steps.chain(a, [("*", factor)])
        return Turn(
            "multiplication", amount(say(verb + " {a}", rng, a=a), rng), f"Compute.\n{text}", str(value)
        )
    if rng.random() < 0.4:
        a, b = b, a
    shown = {"a": written(a, rng), "b": written(b, rng)}
    if rng.random() < 0.06:
        question = ask(
            say(pattern("multiplication 1"), rng, **shown),
            rng,
        )
    elif rng.random() < 0.25:
        question = _statement(MORE_PRODUCTS, rng, **shown)
    else:
        question = _either(PRODUCT, MULTIPLYING, rng, **shown)
    first, second = as_read(question, [(a, shown["a"]), (b, shown["b"])])
    text, value = steps.chain(first, [("*", second)])
    return Turn("multiplication", question, f"Compute.\n{text}", str(value))


def division(rng: Random) -> Turn:
    """Within the times tables: up to 144 by up to 12, sometimes with a remainder."""
    b = rng.randint(1, 12)
    a = b * rng.randint(0, 12) + (rng.randrange(b) if rng.random() < 0.35 else 0)
    text, quotient, rest = steps.divide(a, b)
    core = say(
        "[{a} [divided by|/|÷|over|:] {b}|{a}/{b}|{a} / {b}|{a} ÷ {b}|the quotient of {a} and {b}]",
        rng,
        a=written(a, rng),
        b=written(b, rng),
    )
    question = amount(core, rng)
    roll = rng.random()
    if roll < 0.2:
        question = order(say("divide {a} by {b}", rng, a=a, b=b), rng)
    elif roll < 0.35:
        question = ask(say("how many times does {b} [go|fit] into {a}", rng, a=a, b=b), rng)
    elif roll < 0.42 and a % 2 == 0:
        text, quotient, rest = steps.divide(a // b * 2, 2)
        question = amount(say("half of {a}", rng, a=a // b * 2), rng)
    return Turn(
        "division",
        question,
        f"Compute.\n{text.partition(':')[0]}\n{text}",
        f"{quotient}, remainder {rest}" if rest else str(quotient),
    )


def chain(rng: Random) -> Turn:
    """Three or four numbers: sums of lists, or mixed signs with products first."""
    if rng.random() < 0.5:
        numbers = [size(rng, rng.choice((1, 2, 2, 3))) for _ in range(rng.randint(3, 5))]
        text, value = steps.chain(numbers[0], [("+", n) for n in numbers[1:]])
        if rng.random() < 0.4:
            question = piped(
                numbers,
                rng.choice((order, amount))(
                    say(
                        pattern("chain 1"),
                        rng,
                    ),
                    rng,
                ),
                rng,
            )
        elif rng.random() < 0.5:
            question = order(
                say(
                    "[add|sum|add up|total|sum up|add together] [||the numbers |these numbers: |all of these:"
                    " |these: ]",
                    rng,
                )
                + listed(numbers, rng),
                rng,
            )
        else:
            question = amount(
                say("[the sum of |the total of |all together: ||]", rng)
                + rng.choice(("+", " + ", " plus ", " and ", ", ")).join(map(str, numbers)),
                rng,
            )
        return Turn("chain", question, f"Compute.\n{text}", str(value))
    a, b, c = (size(rng, 2) for _ in range(3))
    plus, times, minus = rng.choice(
        (("+", "*", "-"), (" + ", " * ", " - "), (" plus ", " times ", " minus "), (" + ", " x ", " - "))
    )
    kind = rng.randrange(4)
    if kind == 0:
        b, c = rng.randint(2, 12), rng.randint(2, 12)
        first, product = steps.multiply(b, c)
        second, value = steps.add(a, product)
        core, text = f"{a}{plus}{b}{times}{c}", f"{a}+{b}*{c}\n{first}\n{second}"
    elif kind == 1:
        a, b = rng.randint(2, 12), rng.randint(2, 12)
        text, value = steps.chain(a, [("*", b), ("+", c)])
        core = f"{a}{times}{b}{plus}{c}"
    elif kind == 2:
        text, value = steps.chain(a + b, [("+", c), ("-", min(b, a + b + c))])
        core = f"{a + b}{plus}{c}{minus}{b}"
    else:
        a = a + b + c
        text, value = steps.chain(a, [("-", b), ("-", c)])
        core = f"{a}{minus}{b}{minus}{c}"
    return Turn("chain", amount(core, rng), f"Compute.\n{text}", str(value))

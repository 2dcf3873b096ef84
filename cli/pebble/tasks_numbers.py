"""Arithmetic questions: sums, differences, products, small divisions and chains of these.

Each function draws one `Turn` whose answer is computed, not written.
"""

from random import Random

from pebble import steps, words
from pebble.tasks_lists import listed, piped
from pebble.turns import Turn
from pebble.wording import amount, ask, order, say


def size(rng: Random, digits: int = 4) -> int:
    """A number of up to so many digits, short ones as likely as long ones."""
    count = rng.randint(1, digits)
    return rng.randint(10 ** (count - 1) if count > 1 else 0, 10**count - 1)


def written(number: int, rng: Random) -> str:
    """The number as people write it: mostly digits, at times words or with a comma."""
    if (0 <= number < 100 and rng.random() < 0.12) or (100 <= number < 1000 and rng.random() < 0.02):
        return words.spoken(number) if rng.random() < 0.8 else words.spoken(number).replace("-", " ")
    return f"{number:,}" if number > 999 and rng.random() < 0.06 else str(number)


SUM = (
    "[the sum of {a} and {b}|{a} [plus|+|added to|and|together with|increased by|with an extra] {b}|the total"
    " of {a} and {b}|{a} and {b} [together|combined|in total|altogether|added up|added together]|{b} more"
    " than {a}|{b} added to {a}|the result of adding {a} and {b}|the result of {a} [plus|+] {b}|{a}+{b}|{a} +"
    " {b}|{a} +{b}|{a} + {b}|{a}+{b}|the answer to {a} [plus|+] {b}|sum({a}, {b})|{a} combined with {b}|{a}"
    " put together with {b}|{a}, then {b} more|what {a} and {b} come to|the outcome of {a} [plus|+] {b}|{a}"
    " joined with {b}|the tally of {a} and {b}|adding {a} and {b}|adding {b} to {a}|the addition of {a} and"
    " {b}|the sum {a} + {b}|{a} if you add {b}|{a} after adding {b}|{b} on top of {a}|{b} greater than"
    " {a}|{a} plus {b}]"
)
ADDING = (
    "[add|sum|sum up|add up|add together|total|combine|put together|tally|tot up|join|count together] {a}"
    " [and|with|plus|&] {b}|[add {b} to {a}|put {b} on top of {a}|increase {a} by {b}|take {a} and add"
    " {b}|start [with|at|from] {a} and [add|go up|go up by|count up|count on] {b}|[add|sum]"
    " [the|these|both|these two] numbers[:| ] {a}[,| and] {b}|raise {a} by {b}]"
)
DIFFERENCE = (
    "[{a} [minus|-|less|take away|reduced by|decreased by|without|lowered by|diminished by] {b}|{a}-{b}|{a} -"
    " {b}|{a} - {b}|{a}-{b}|{a} −{b}|{a} − {b}|{a} – {b}|the result of {a} [minus|-] {b}|{b} less than"
    " {a}|{b} [subtracted|taken|taken away|removed] from {a}|what is left of {a} after taking away {b}|{b}"
    " fewer than {a}|{a} if you take away {b}|{a}, but {b} less|{a} with {b} taken off|what remains of {a}"
    " without {b}|what remains when {b} [is|are] [removed|taken] from {a}|the outcome of {a} [minus|-]"
    " {b}|{a} down by {b}|{a} after losing {b}|{a} once {b} is gone|{a} after subtracting {b}|the result of"
    " subtracting {b} from {a}|the answer to {a} [minus|-] {b}|subtracting {b} from {a}|{a} minus {b}]"
)
SUBTRACTING = (
    "[subtract|take|take away|remove|deduct|minus] {b} from {a}|[from {a} [take|take away|subtract|remove]"
    " {b}|decrease {a} by {b}|reduce {a} by {b}|lower {a} by {b}|start [with|at|from] {a} and [take"
    " away|subtract|go down|go down by|remove|count down|count back] {b}|take {a} and [subtract|remove|take"
    " away] {b}|subtract {b} from {a}]"
)
GAP = (
    "[the difference [between|of] {a} and {b}|the difference between {b} and {a}|the gap between {a} and"
    " {b}|how far {a} is from {b}|the distance from {b} to {a}|how much [more|bigger|larger|higher] {a} is"
    " than {b}|what to add to {b} to [get|reach|have|make] {a}|what {b} needs to [reach|become|get to]"
    " {a}|how much is missing from {b} to {a}]"
)
PRODUCT = (
    "[{a} [times|x|*|multiplied by|×|·|multiplied with] {b}|{a}*{b}|{a}x{b}|{a} x {b}|{a} * {b}|{a} ×"
    " {b}|{a}×{b}|the product of {a} and {b}|the result of {a} [times|x|*|×] {b}|{b} lots of {a}|{a} [groups"
    " of|sets of|lots of] {b}|the result of multiplying {a} [by|and|with] {b}|the answer to {a} [times|*|x]"
    " {b}|multiplying {a} by {b}|{a} times {b}|{a} by {b} multiplied|{a} multiplied with {b}|the outcome of"
    " {a} times {b}|{a} rows of {b}|{b} copies of {a}|the product {a} * {b}]"
)
MULTIPLYING = (
    "[multiply|] {a} [by|with|and|times|x] {b}|[multiply {a} by {b}|take {a} times {b}|take {a} {b}"
    " times|multiply [the|these|both] numbers[:| ] {a}[,| and] {b}|scale {a} by {b}|form the product of {a}"
    " and {b}]"
)


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
    text, value = steps.add(a, b)
    roll = rng.random()
    if roll < 0.06:
        question = ask(
            say(
                "[what do you get [if|when] you [add|put together|sum] {a} and {b}|how much [do|would] {a}"
                " and {b} [make|give|add up to]|what do {a} and {b} [make|add up to|come to|sum to]|if I"
                " [add|put] {b} [to|on top of] {a}, [what do I get|what is it|how much is that|what comes"
                " out]|I have {a} and get {b} more, how much is it|what number is {b}"
                " [more|greater|higher|bigger] than {a}]",
                rng,
                a=written(a, rng),
                b=written(b, rng),
            ),
            rng,
        )
    elif roll < 0.1:
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
    else:
        question = _either(SUM, ADDING, rng, a=written(a, rng), b=written(b, rng))
    return Turn("addition", question, f"Add.\n{text}", str(value))


def subtraction(rng: Random) -> Turn:
    """Two numbers of up to 4 digits, one time in eight with a negative result."""
    a, b = size(rng), size(rng)
    if rng.random() < 0.4:
        digits = rng.randint(2, 4)
        a, b = (
            rng.randint(10 ** (digits - 1), 10**digits - 1),
            rng.randint(10 ** (digits - 1), 10**digits - 1),
        )
    roll = rng.random()
    if a < b and roll > 0.12:
        a, b = b, a
    if 0.12 < roll < 0.2:
        a, b = max(a, b), min(a, b)
        slots = {"a": written(a, rng), "b": written(b, rng)}
        question = amount(say(GAP, rng, **slots), rng)
        if rng.random() < 0.4:
            question = ask(
                say(
                    "[how much [more|bigger|larger|higher|greater] is {a} than {b}|how much"
                    " [smaller|less|lower] is {b} than {a}|how far [is it from {b} to {a}|apart are {a} and"
                    " {b}]|what [do I|must I|do you|must be|should I] add[ed|] to {b} to"
                    " [get|reach|have|make] {a}|how many more than {b} is {a}|by how much is {a}"
                    " [bigger|more|larger] than {b}|what is missing from {b} to {a}]",
                    rng,
                    **slots,
                ),
                rng,
            )
    elif roll < 0.28:
        question = ask(
            say(
                "[what do you get [if|when] you [subtract|take|take away|remove] {b} from {a}|what"
                " [remains|is left|stays] [if|when] [you take|I take|I remove|we take away] {b} from {a}|how"
                " much is left of {a} [when|if|after] [you remove|you take|I lose] {b}|if I take {b}"
                " [from|away from] {a}, what [is left|remains|do I have]|what number is {b}"
                " [less|smaller|lower] than {a}|{a} take away {b} leaves what|if you have {a} and lose {b},"
                " what is left]",
                rng,
                a=written(a, rng),
                b=written(b, rng),
            ),
            rng,
        )
        text, value = steps.subtract(a, b)
        return Turn("subtraction", question, f"Subtract.\n{text}", str(value))
    else:
        question = _either(DIFFERENCE, SUBTRACTING, rng, a=written(a, rng), b=written(b, rng))
    text, value = steps.subtract(a, b)
    return Turn("subtraction", question, f"Subtract.\n{text}", str(value))


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
        text, value = steps.multiply(b, b)
        question = amount(say("[{b} squared|the square of {b}|{b} times itself|{b}^2|{b}²]", rng, b=b), rng)
        return Turn("multiplication", question, f"Multiply.\n{text}", str(value))
    if rng.random() < 0.04:
        factor, verb = rng.choice(((2, "[double|twice|two times]"), (3, "[triple|three times|thrice]")))
        text, value = steps.multiply(a, factor)
        return Turn(
            "multiplication", amount(say(verb + " {a}", rng, a=a), rng), f"Multiply.\n{text}", str(value)
        )
    if rng.random() < 0.4:
        a, b = b, a
    text, value = steps.multiply(a, b)
    if rng.random() < 0.06:
        question = ask(
            say(
                "[what do you get [if|when] you multiply {a} [by|with|and] {b}|how much [are|is] {a} times"
                " {b}|what do {a} rows of {b} make|how many are {a} [times|groups of] {b}]",
                rng,
                a=written(a, rng),
                b=written(b, rng),
            ),
            rng,
        )
    else:
        question = _either(PRODUCT, MULTIPLYING, rng, a=written(a, rng), b=written(b, rng))
    return Turn("multiplication", question, f"Multiply.\n{text}", str(value))


def division(rng: Random) -> Turn:
    """Within the tables: up to 144 by up to 12, with a remainder at times."""
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
        "division", question, f"Divide.\n{text}", f"{quotient}, remainder {rest}" if rest else str(quotient)
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
                        "[add these up|sum these|add them all|add all of these|the total|the sum of"
                        " these|total these|the sum of these numbers|the total of these lines|add all the"
                        " numbers]",
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
        return Turn("chain", question, f"Add.\n{text}", str(value))
    a, b, c = (size(rng, 2) for _ in range(3))
    plus, times, minus = rng.choice(
        (("+", "*", "-"), (" + ", " * ", " - "), (" plus ", " times ", " minus "), (" + ", " x ", " - "))
    )
    kind = rng.randrange(4)
    if kind == 0:
        b, c = rng.randint(2, 12), rng.randint(2, 12)
        first, product = steps.multiply(b, c)
        second, value = steps.add(a, product)
        core, text = f"{a}{plus}{b}{times}{c}", f"{b}*{c} first\n{first}\n{second}"
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

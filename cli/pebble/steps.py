"""The text of pebble's thinking: algorithms written out so that every token is a local look-up.

Numbers go digit by digit from the right, `x+y+carry=sum>result so far`; lists are sorted by putting one number after
the other into its place; words go letter by letter with a running count or an index. Every function returns the text
of the steps, and the value where there is one.
"""

from collections.abc import Callable, Sequence


def add(a: int, b: int) -> tuple[str, int]:
    """`478+056:8+6+0=14>4,7+5+1=13>34,4+0+1=5>534`; two single digits in one step: `7+5=12`."""
    if a < 10 and b < 10:
        return f"{a}+{b}={a + b}", a + b
    width = max(len(str(a)), len(str(b)))
    x, y, carry, parts, result = f"{a:0{width}}", f"{b:0{width}}", 0, [], ""
    for place, (p, q) in enumerate(zip(reversed(x), reversed(y), strict=True), 1):
        total = int(p) + int(q) + carry
        result = (str(total) if place == width else str(total % 10)) + result
        parts.append(f"{p}+{q}+{carry}={total}>{result}")
        carry = total // 10
    return f"{x}+{y}:{','.join(parts)}", a + b


def subtract(a: int, b: int) -> tuple[str, int]:
    """`523-178:3-8-0=5b>5,2-7-1=4b>45,5-1-1=3>345` (`b` borrows); a larger right side is swapped first."""
    if a < b:
        return f"{a}<{b}\n{subtract(b, a)[0]}", a - b
    if a < 10:
        return f"{a}-{b}={a - b}", a - b
    width = len(str(a))
    x, y, borrow, parts, result = str(a), f"{b:0{width}}", 0, [], ""
    for p, q in zip(reversed(x), reversed(y), strict=True):
        digit = int(p) - int(q) - borrow
        result = str(digit % 10) + result
        parts.append(f"{p}-{q}-{borrow}={digit % 10}{'b' if digit < 0 else ''}>{result}")
        borrow = int(digit < 0)
    return f"{x}-{y}:{','.join(parts)}", a - b


def _times_digit(a: int, digit: int, zeros: int) -> str:
    carry, parts, result = 0, [], "0" * zeros
    for place, p in enumerate(reversed(str(a)), 1):
        total = int(p) * digit + carry
        result = (str(total) if place == len(str(a)) else str(total % 10)) + result
        parts.append(f"{p}*{digit}+{carry}={total}>{result}")
        carry = total // 10
    return ",".join(parts)


def multiply(a: int, b: int) -> tuple[str, int]:
    """One row for every digit of the shorter number, then their sum."""
    if len(str(b)) > len(str(a)):
        a, b = b, a
    if a < 10:
        return f"{a}*{b}={a * b}", a * b
    if b < 10:
        return f"{a}*{b}:{_times_digit(a, b, 0)}", a * b
    rows, lines = [], []
    for place, digit in enumerate(reversed(str(b))):
        rows.append(a * int(digit) * 10**place)
        lines.append(f"{a}*{digit}{'0' * place}:{_times_digit(a, int(digit), place)}")
    total = rows[0]
    for row in rows[1:]:
        text, total = add(total, row)
        lines.append(text)
    return "\n".join(lines), total


def divide(a: int, b: int) -> tuple[str, int, int]:
    """`17/5:5*3=15,17-15=2`: quotient and remainder from the tables."""
    quotient, rest = divmod(a, b)
    return f"{a}/{b}:{b}*{quotient}={b * quotient},{a}-{b * quotient}={rest}", quotient, rest


OPERATIONS: dict[str, Callable[[int, int], tuple[str, int]]] = {"+": add, "-": subtract, "*": multiply}


def chain(start: int, moves: Sequence[tuple[str, int]]) -> tuple[str, int]:
    """The expression of the question, then the steps of each operation: `18-5+7`, `18-05:…`, `13+07:…`."""
    lines, value = [str(start) + "".join(f"{sign}{operand}" for sign, operand in moves)], start
    for sign, operand in moves:
        if sign == "/":
            text, value, _ = divide(value, operand)
        else:
            text, value = OPERATIONS[sign](value, operand)
        lines.append(text)
    return "\n".join(lines), value


def count_letters(word: str, wanted: str) -> tuple[str, int]:
    """`r:s0t0r1a1w1b1e1r2r3y3`: every letter with the count so far; `wanted` may be several letters."""
    count, parts = 0, []
    for letter in word.lower():
        count += letter in wanted
        parts.append(f"{letter}{count}")
    return f"{wanted}:{''.join(parts)}", count


def index_letters(word: str) -> str:
    """`1c2a3t`: every letter behind the last digit of its place."""
    return "".join(f"{place % 10}{letter}" for place, letter in enumerate(word.lower(), 1))


def backwards(word: str) -> tuple[str, str]:
    """`1c2a3t:3t2a1c`, and the reversed word."""
    pairs = [f"{place % 10}{letter}" for place, letter in enumerate(word.lower(), 1)]
    return f"{''.join(pairs)}:{''.join(reversed(pairs))}", word.lower()[::-1]


def _padded(number: int) -> str:
    return f"{number:03}"


def extreme(numbers: Sequence[int], largest: bool) -> tuple[str, int]:
    """Every number, padded to three digits, with the best so far: `034>034,007>034,912>912`."""
    best, parts = numbers[0], []
    for number in numbers:
        best = max(best, number) if largest else min(best, number)
        parts.append(f"{_padded(number)}>{_padded(best)}")
    return ",".join(parts), best


def _insert(keys: Sequence[str], descending: bool) -> str:
    lines = []
    for count, key in enumerate(keys, 1):
        lines.append(f"{key}>{','.join(sorted(keys[:count], reverse=descending))}")
    return "\n".join(lines)


def sort_numbers(numbers: Sequence[int], descending: bool) -> tuple[str, list[int]]:
    """One number after the other is put into its place: `34>034`, `007>007,034`, `912>007,034,912`, a line each."""
    return _insert([_padded(n) for n in numbers], descending), sorted(numbers, reverse=descending)


def sort_words(items: Sequence[str], descending: bool) -> tuple[str, list[str]]:
    """The first two letters of one word after the other are put into their place."""
    ordered = sorted(items, key=str.lower, reverse=descending)
    return _insert([w[:2].lower() for w in items], descending), ordered

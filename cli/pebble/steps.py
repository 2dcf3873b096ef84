"""How pebble thinks: algorithms written so that every token is a local look-up.

Numbers go digit by digit from the right, `x+y+carry=sum`, and the result is read off at the end; words go letter by
letter with a running count or an index. Every function returns the text of the steps, and the value where there is one.
"""

from collections.abc import Callable, Sequence


def add(a: int, b: int) -> tuple[str, int]:
    """`478+056:8+6+0=14,7+5+1=13,4+0+1=5=534`; two single digits are known by heart: `7+5=12`."""
    if a < 10 and b < 10:
        return f"{a}+{b}={a + b}", a + b
    width = max(len(str(a)), len(str(b)))
    x, y, carry, parts = f"{a:0{width}}", f"{b:0{width}}", 0, []
    for p, q in zip(reversed(x), reversed(y), strict=True):
        total = int(p) + int(q) + carry
        parts.append(f"{p}+{q}+{carry}={total}")
        carry = total // 10
    return f"{x}+{y}:{','.join(parts)}={a + b}", a + b


def subtract(a: int, b: int) -> tuple[str, int]:
    """`523-178:3-8-0=5b,2-7-1=4b,5-1-1=3=345` (`b` borrows); a larger right side is swapped first."""
    if a < b:
        text, value = subtract(b, a)
        return f"{a}<{b},-({text})=-{value}", -value
    if a < 10:
        return f"{a}-{b}={a - b}", a - b
    width = len(str(a))
    x, y, borrow, parts = str(a), f"{b:0{width}}", 0, []
    for p, q in zip(reversed(x), reversed(y), strict=True):
        digit = int(p) - int(q) - borrow
        parts.append(f"{p}-{q}-{borrow}={digit % 10}{'b' if digit < 0 else ''}")
        borrow = int(digit < 0)
    return f"{x}-{y}:{','.join(parts)}={a - b}", a - b


def _times_digit(a: int, digit: int) -> str:
    carry, parts = 0, []
    for p in reversed(str(a)):
        total = int(p) * digit + carry
        parts.append(f"{p}*{digit}+{carry}={total}")
        carry = total // 10
    return ",".join(parts)


def multiply(a: int, b: int) -> tuple[str, int]:
    """One row for every digit of the shorter number, then their sum."""
    if len(str(b)) > len(str(a)):
        a, b = b, a
    if a < 10:
        return f"{a}*{b}={a * b}", a * b
    if b < 10:
        return f"{a}*{b}:{_times_digit(a, b)}={a * b}", a * b
    rows, total, lines = [], 0, []
    for place, digit in enumerate(reversed(str(b))):
        value = a * int(digit) * 10**place
        rows.append(value)
        lines.append(f"{a}*{digit}{'0' * place}:{_times_digit(a, int(digit))}={value}")
    total = rows[0]
    for row in rows[1:]:
        text, total = add(total, row)
        lines.append(text)
    return "\n".join(lines), total


def divide(a: int, b: int) -> tuple[str, int, int]:
    """`5*3=15,17-15=2`: quotient and remainder from the tables."""
    quotient, rest = divmod(a, b)
    return f"{b}*{quotient}={b * quotient},{a}-{b * quotient}={rest}", quotient, rest


OPERATIONS: dict[str, Callable[[int, int], tuple[str, int]]] = {"+": add, "-": subtract, "*": multiply}


def chain(start: int, moves: Sequence[tuple[str, int]]) -> tuple[str, int]:
    """Several operations in turn: the expression, then the steps of each."""
    lines, value = [], start
    for sign, operand in moves:
        if sign == "/":
            text, value, _ = divide(value, operand)
        else:
            text, value = OPERATIONS[sign](value, operand)
        lines.append(text)
    if len(moves) > 1:
        lines.insert(0, str(start) + "".join(f"{sign}{operand}" for sign, operand in moves))
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


def extreme(numbers: Sequence[int], largest: bool) -> tuple[str, int]:
    """Every number, padded, with the best so far: `034>034,007>034,912>912`."""
    width = len(str(max(numbers)))
    best, parts = numbers[0], []
    for number in numbers:
        best = max(best, number) if largest else min(best, number)
        parts.append(f"{number:0{width}}>{best:0{width}}")
    return ",".join(parts), best


def sort_numbers(numbers: Sequence[int], descending: bool) -> tuple[str, list[int]]:
    """The padded numbers, then the same in order."""
    width = len(str(max(numbers)))
    ordered = sorted(numbers, reverse=descending)
    return (
        ",".join(f"{n:0{width}}" for n in numbers) + ":" + ",".join(f"{n:0{width}}" for n in ordered),
        ordered,
    )


def sort_words(items: Sequence[str], descending: bool) -> tuple[str, list[str]]:
    """First two letters of every word, then those in order."""
    ordered = sorted(items, key=str.lower, reverse=descending)
    return ",".join(w[:2].lower() for w in items) + ":" + ",".join(w[:2].lower() for w in ordered), ordered

"""A solution of every question of the suite `code`; the expected results in the suite were written by hand."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from datetime import date, timedelta
from typing import Any


def shout(text: str) -> str:
    return text.upper() + "!"


def count_vowels(text: str) -> int:
    return sum(character in "aeiou" for character in text.lower())


def initials(name: str) -> str:
    return "".join(word[0] for word in name.split()).upper()


def is_palindrome(text: str) -> bool:
    letters = [character for character in text.lower() if character.isalnum()]
    return letters == letters[::-1]


def caesar(text: str, shift: int) -> str:
    def moved(character: str) -> str:
        if not (character.isascii() and character.isalpha()):
            return character
        base = ord("a" if character.islower() else "A")
        return chr(base + (ord(character) - base + shift) % 26)

    return "".join(map(moved, text))


def run_length(text: str) -> str:
    return "".join(f"{character}{len(list(run))}" for character, run in itertools.groupby(text))


def title_case(text: str) -> str:
    words = text.lower().split(" ")
    small = {"of", "the", "and"}
    return " ".join(
        word if index and word in small else word.capitalize() for index, word in enumerate(words)
    )


def anagrams(first: str, second: str) -> bool:
    return sorted(first.lower().replace(" ", "")) == sorted(second.lower().replace(" ", ""))


def wrap(text: str, width: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines


def expand(pattern: str) -> str:
    inner = re.compile(r"(\d+)\[([^\[\]]*)\]")
    while inner.search(pattern):
        pattern = inner.sub(lambda found: int(found[1]) * found[2], pattern)
    return pattern


def longest_unique(text: str) -> int:
    spans = (text[start:end] for start in range(len(text)) for end in range(start + 1, len(text) + 1))
    return max((len(span) for span in spans if len(set(span)) == len(span)), default=0)


def is_even(n: int) -> bool:
    return n % 2 == 0


def fahrenheit(celsius: float) -> float:
    return celsius * 9 / 5 + 32


def digit_sum(n: int) -> int:
    return sum(map(int, str(n)))


def clamp(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def primes_up_to(n: int) -> list[int]:
    return [number for number in range(2, n + 1) if all(number % divisor for divisor in range(2, number))]


def to_roman(n: int) -> str:
    values = (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1)
    text = ""
    for value, sign in zip(
        values, ["M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I"], strict=True
    ):
        text += sign * (n // value)
        n %= value
    return text


def gcd(a: int, b: int) -> int:
    return max(divisor for divisor in range(1, a + 1) if a % divisor == b % divisor == 0)


def factorize(n: int) -> list[int]:
    for divisor in range(2, n):
        if n % divisor == 0:
            return [divisor, *factorize(n // divisor)]
    return [n]


def to_base(n: int, base: int) -> str:
    return (to_base(n // base, base) if n >= base else "") + "0123456789abcdef"[n % base]


def in_words(n: int) -> str:
    ones = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ]
    tens = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
    if n < 20:
        return ones[n]
    if n < 100:
        return tens[n // 10 - 2] + (f"-{ones[n % 10]}" if n % 10 else "")
    return f"{ones[n // 100]} hundred" + (f" and {in_words(n % 100)}" if n % 100 else "")


def change(amount: int, coins: list[int]) -> int:
    reached, count = {0}, 0
    while amount not in reached:
        more = {total + coin for total in reached for coin in coins if total + coin <= amount}
        if more <= reached:
            return -1
        reached, count = reached | more, count + 1
    return count


def next_happy(n: int) -> int:
    def happy(number: int) -> bool:
        seen = set()
        while number not in seen:
            seen.add(number)
            number = sum(int(digit) ** 2 for digit in str(number))
        return number == 1

    return next(number for number in itertools.count(n + 1) if happy(number))


def last_item(items: list[Any]) -> Any:
    return items[-1] if items else None


def without_duplicates(items: list[Any]) -> list[Any]:
    return list(dict.fromkeys(items))


def every_second(items: list[Any]) -> list[Any]:
    return items[::2]


def second_largest(numbers: list[int]) -> int:
    return sorted(set(numbers))[-2]


def chunks(items: list[Any], size: int) -> list[list[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def rotate(items: list[Any], steps: int) -> list[Any]:
    return [items[(index - steps) % len(items)] for index in range(len(items))]


def flatten(nested: list[Any]) -> list[Any]:
    return [each for item in nested for each in (flatten(item) if isinstance(item, list) else [item])]


def merge_sorted(first: list[int], second: list[int]) -> list[int]:
    return sorted(first + second)


def running_mean(numbers: list[float], width: int) -> list[float]:
    return [sum(numbers[end - width : end]) / width for end in range(width, len(numbers) + 1)]


def merge_intervals(intervals: list[list[int]]) -> list[list[int]]:
    joined: list[list[int]] = []
    for start, end in sorted(intervals):
        if joined and start <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([start, end])
    return joined


def best_run(numbers: list[int]) -> int:
    count = len(numbers)
    return max(sum(numbers[start:end]) for start in range(count) for end in range(start + 1, count + 1))


def permutations(items: list[Any]) -> list[list[Any]]:
    return sorted(map(list, itertools.permutations(items)))


def longest_increasing(numbers: list[int]) -> int:
    best: list[int] = []
    for index, number in enumerate(numbers):
        best.append(1 + max((best[i] for i in range(index) if numbers[i] < number), default=0))
    return max(best, default=0)


def letter_counts(word: str) -> dict[str, int]:
    return dict(Counter(word))


def cheapest(prices: dict[str, float]) -> str:
    return min(prices, key=lambda name: prices[name])


def inverted(mapping: dict[str, str]) -> dict[str, list[str]]:
    return {value: sorted(key for key in mapping if mapping[key] == value) for value in mapping.values()}


def group_by_length(words: list[str]) -> dict[str, list[str]]:
    return {str(len(word)): [other for other in words if len(other) == len(word)] for word in words}


def merge_counts(first: dict[str, int], second: dict[str, int]) -> dict[str, int]:
    sums = {key: first.get(key, 0) + second.get(key, 0) for key in [*first, *second]}
    return {key: value for key, value in sums.items() if value}


def look_up(data: Any, path: str) -> Any:
    for name in path.split("."):
        if isinstance(data, dict) and name in data:
            data = data[name]
        elif isinstance(data, list) and name.isdecimal() and int(name) < len(data):
            data = data[int(name)]
        else:
            return None
    return data


def most_common(text: str, count: int) -> list[str]:
    words = Counter(text.lower().split())
    return sorted(words, key=lambda word: (-words[word], word))[:count]


def factorial(n: int) -> int:
    return n * factorial(n - 1) if n else 1


def fibonacci(n: int) -> int:
    one, other = 0, 1
    for _ in range(n):
        one, other = other, one + other
    return one


def depth(value: Any) -> int:
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def hanoi(n: int, start: str = "A", middle: str = "B", end: str = "C") -> list[list[str]]:
    if n == 0:
        return []
    return [*hanoi(n - 1, start, end, middle), [start, end], *hanoi(n - 1, middle, start, end)]


def queens(n: int) -> int:
    return sum(
        len({row + column for row, column in enumerate(order)}) == n
        and len({row - column for row, column in enumerate(order)}) == n
        for order in itertools.permutations(range(n))
    )


def parse_query(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split("&") if part]
    return {name: value for name, _, value in pairs}


def balanced(text: str) -> bool:
    text = re.sub(r"[^()\[\]{}]", "", text)
    shorter = None
    while shorter != text:
        shorter, text = text, text.replace("()", "").replace("[]", "").replace("{}", "")
    return not text


def seconds(text: str) -> int:
    return sum(
        int(number) * {"h": 3600, "m": 60, "s": 1}[unit] for number, unit in re.findall(r"(\d+)([hms])", text)
    )


def evaluate(expression: str) -> int:
    tokens = re.findall(r"\d+|[-+*()]", expression)

    def factor() -> int:
        token = tokens.pop(0)
        if token != "(":
            return int(token)
        value = total()
        tokens.pop(0)
        return value

    def product() -> int:
        value = factor()
        while tokens and tokens[0] == "*":
            tokens.pop(0)
            value *= factor()
        return value

    def total() -> int:
        value = product()
        while tokens and tokens[0] in "+-":
            value += product() if tokens.pop(0) == "+" else -product()
        return value

    return total()


def parse_csv_line(line: str) -> list[str]:
    fields, quoted, index = [""], False, 0
    while index < len(line):
        character = line[index]
        if character == '"' and quoted and line[index + 1 : index + 2] == '"':
            fields[-1] += '"'
            index += 1
        elif character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            fields.append("")
        else:
            fields[-1] += character
        index += 1
    return fields


def is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def weekday(text: str) -> str:
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    return days[date.fromisoformat(text).weekday()]


def next_month_end(text: str) -> str:
    day = date.fromisoformat(text).replace(day=1)
    after = ((day + timedelta(days=32)).replace(day=1) + timedelta(days=32)).replace(day=1)
    return (after - timedelta(days=1)).isoformat()


def transpose(matrix: list[list[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*matrix, strict=True)]


def multiply(a: list[list[int]], b: list[list[int]]) -> list[list[int]]:
    return [
        [sum(x * y for x, y in zip(row, column, strict=True)) for column in zip(*b, strict=True)] for row in a
    ]


def spiral(matrix: list[list[Any]]) -> list[Any]:
    if not matrix:
        return []
    first, *others = matrix
    return [*first, *spiral([list(row) for row in zip(*others, strict=True)][::-1])]


def _cells(rows: list[str], free: str) -> set[tuple[int, int]]:
    return {(y, x) for y, row in enumerate(rows) for x, cell in enumerate(row) if cell == free}


def _beside(cell: tuple[int, int]) -> set[tuple[int, int]]:
    y, x = cell
    return {(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)}


def islands(rows: list[str]) -> int:
    land, count = _cells(rows, "#"), 0
    while land:
        count += 1
        edge = {land.pop()}
        while edge:
            edge = {other for cell in edge for other in _beside(cell)} & land
            land -= edge
    return count


def shortest_path(rows: list[str]) -> int:
    free, edge, steps = _cells(rows, "."), {(0, 0)}, 0
    goal = (len(rows) - 1, len(rows[0]) - 1)
    while edge:
        if goal in edge:
            return steps
        free -= edge
        edge = {other for cell in edge for other in _beside(cell)} & free
        steps += 1
    return -1


def binary_search(numbers: list[int], wanted: int) -> int:
    return numbers.index(wanted) if wanted in numbers else -1


def edit_distance(first: str, second: str) -> int:
    if not first or not second:
        return len(first) + len(second)
    if first[0] == second[0]:
        return edit_distance(first[1:], second[1:])
    shorter = (first[1:], second), (first, second[1:]), (first[1:], second[1:])
    return 1 + min(edit_distance(*pair) for pair in shorter)


def order_of_tasks(needs: dict[str, list[str]]) -> list[str]:
    order: list[str] = []
    while len(order) < len(needs):
        ready = sorted(task for task in needs if task not in order and set(needs[task]) <= set(order))
        if not ready:
            return []
        order.append(ready[0])
    return order

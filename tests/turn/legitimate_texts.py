"""Texts that repeat themselves rightly: source code, tables, numbers, songs, drawings, and lines that were asked for.

In: a number and a seed. Out: `Legitimate` texts, the same for the same seed and Python. Code and prose come from the
standard library and from this repository, everything else is generated.
"""

from __future__ import annotations

import base64
import csv
import io
import itertools
import json
import random
import sysconfig
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

LONGEST = 12_000  # characters of a text: about 3,000 tokens
ROOT = Path(__file__).parents[2]
WORDS = [
    "river",
    "stone",
    "morning",
    "light",
    "garden",
    "window",
    "paper",
    "silver",
    "winter",
    "harbour",
    "lantern",
]
WORDS += ["bread", "music", "shadow", "copper", "forest", "journey", "letter", "kitchen", "mountain"]
WORDS += ["bread", "music", "shadow", "copper", "forest", "journey", "letter", "kitchen", "mountain"]


@dataclass(frozen=True, slots=True)
class Legitimate:
    """A text that must not be taken for a loop, and the question that it answers."""

    kind: str
    question: str
    text: str


def texts(count: int, seed: int = 0) -> Iterator[Legitimate]:
    """So many texts: half of them from files, the rest from the generators in turn."""
    draw = random.Random(seed)
    found = _excerpts(draw)
    makers = itertools.cycle(MAKERS)
    for number in range(count):
        if number % 2:
            yield next(found)
        else:
            make = next(makers)
            question, text = make(draw)
            yield Legitimate(make.__name__.removeprefix("_"), question, text[:LONGEST])


def _excerpts(draw: random.Random) -> Iterator[Legitimate]:
    library = Path(sysconfig.get_paths()["stdlib"])
    files = sorted(
        path for path in library.rglob("*") if path.suffix in {".py", ".txt", ".toml", ".h", ".sh"}
    )
    files += sorted(path for path in ROOT.glob("docs/**/*") if path.suffix in {".md", ".json", ".1"})
    files += sorted((ROOT / "cli").rglob("*.py"))
    while True:
        path = draw.choice(files)
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if len(text) < 200:
            continue
        start = draw.randrange(max(1, len(text) - LONGEST))
        yield Legitimate("excerpt", f"Show me {path.name}.", text[start : start + LONGEST])


def _many(draw: random.Random, low: int = 20, high: int = 60) -> int:
    return draw.randint(low, high)


def _sentence(draw: random.Random) -> str:
    return f"The {draw.choice(WORDS)} of the {draw.choice(WORDS)} is a {draw.choice(WORDS)}."


def _csv_of_zeros(draw: random.Random) -> tuple[str, str]:
    rows, columns = _many(draw), draw.randint(3, 12)
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([[0] * columns] * rows)
    return f"A CSV file of zeros with {columns} columns.", out.getvalue()


def _json_array(draw: random.Random) -> tuple[str, str]:
    row = [draw.choice([0, 0, 0, None, False, "", 1.0])] * draw.randint(4, 20)
    return "The empty board as JSON.", json.dumps([row] * draw.randint(4, 20), indent=draw.choice([None, 2]))


def _json_objects(draw: random.Random) -> tuple[str, str]:
    items = [{"id": n, "name": draw.choice(WORDS), "tags": [], "active": True} for n in range(_many(draw))]
    return "Users as JSON.", json.dumps(items, indent=draw.choice([None, 2]))


def _same_objects(draw: random.Random) -> tuple[str, str]:
    item = {"name": draw.choice(WORDS), "count": 0, "tags": [], "active": True}
    return "Dummy records as JSON.", json.dumps([item] * _many(draw, 4, 10), indent=draw.choice([None, 2]))


def _base64(draw: random.Random) -> tuple[str, str]:
    data = draw.choice([bytes(draw.randint(200, 600)), draw.randbytes(600), b"abc" * draw.randint(50, 200)])
    return "Encode it.", textwrap.fill(base64.b64encode(data).decode(), 76)


def _hex_dump(draw: random.Random) -> tuple[str, str]:
    rows = [f"{16 * n:08x}  {'00 ' * 8} {'00 ' * 8} |{'.' * 16}|" for n in range(_many(draw))]
    return "Dump it.", "\n".join(rows)


def _byte_table(draw: random.Random) -> tuple[str, str]:
    line = "    " + ", ".join([draw.choice(["0x00", "0xff"])] * 12) + ",\n"
    return "The table in C.", "static const unsigned char table[] = {\n" + line * _many(draw, 8, 20) + "};\n"


def _drawing(draw: random.Random) -> tuple[str, str]:
    width, height, ink = draw.randint(10, 60), draw.randint(5, 25), draw.choice("#*.+o@")
    full = (ink * width + "\n") * height
    frame = ink * width + "\n" + (ink + " " * (width - 2) + ink + "\n") * height + ink * width + "\n"
    pyramid = "".join(" " * (height - n) + ink * (2 * n + 1) + "\n" for n in range(height))
    board = ((f"{ink}   " * 8).rstrip() + "\n" + (f"  {ink} " * 8).rstrip() + "\n") * 4
    return "Draw it with characters.", draw.choice([full, frame, pyramid, board])


def _counting(draw: random.Random) -> tuple[str, str]:
    first, step = draw.randint(0, 500), draw.choice([1, 1, 2, 5, 10])
    form = draw.choice(["{}\n", "{}, ", "{} ", "Number {}.\n", "{}. Say it again.\n"])
    return "Count.", "".join(form.format(n) for n in range(first, first + step * 200, step))


def _digits(draw: random.Random) -> tuple[str, str]:
    return "Digits, please.", draw.choice(
        ["0." + "3" * 200, "1" + "0" * 100, "0." + "142857" * 40, "9" * 300]
    )


def _multiplication(draw: random.Random) -> tuple[str, str]:
    size = draw.randint(8, 14)
    return "The table.", "\n".join(f"{a} × {b} = {a * b}" for a in range(1, size) for b in range(1, size))


def _markdown_table(draw: random.Random) -> tuple[str, str]:
    columns, cell = draw.randint(3, 7), draw.choice(["", "–", "n/a", "0", "yes", "TBD"])
    row = "|" + f" {cell} |" * columns + "\n"
    return "An empty form.", row + "|" + "---|" * columns + "\n" + row * draw.randint(8, 25)


def _filled_table(draw: random.Random) -> tuple[str, str]:
    rows = [
        f"| {draw.choice(WORDS)} | {draw.randint(1, 99)} | {draw.choice(WORDS)} | yes |" for _ in range(60)
    ]
    return "A table.", "| a | b | c | d |\n|---|---|---|---|\n" + "\n".join(rows)


def _html_table(draw: random.Random) -> tuple[str, str]:
    row = "  <tr>\n" + "    <td></td>\n" * draw.randint(3, 7) + "  </tr>\n"
    return "An empty HTML table.", "<table>\n" + row * draw.randint(5, 12) + "</table>\n"


def _html_list(draw: random.Random) -> tuple[str, str]:
    return "A list to fill in.", "<ul>\n" + '  <li><a href="#">Item</a></li>\n' * _many(
        draw, 8, 20
    ) + "</ul>\n"


def _same_lines_of_code(draw: random.Random) -> tuple[str, str]:
    line = draw.choice(
        ['print("hello")\n', "x = x * 2 + 1\n", "nop\n", "sum += step(sum);\n", "forward(10); right(90)\n"]
    )
    return "Unrolled, please.", line * _many(draw, 10, 30)


def _inserts(draw: random.Random) -> tuple[str, str]:
    row = f"INSERT INTO users (name, age) VALUES ('{draw.choice(WORDS)}', NULL);\n"
    return "Test data in SQL.", row * _many(draw, 8, 20)


def _log(draw: random.Random) -> tuple[str, str]:
    return "A log.", "".join(f"12:00:{n:02d} INFO  worker: waiting for a job\n" for n in range(60))


def _tests(draw: random.Random) -> tuple[str, str]:
    one = "def test_{0}() -> None:\n    assert handle({1}) == expected({1})\n\n\n"
    return "Tests.", "".join(one.format(f"{draw.choice(WORDS)}_{n}", n) for n in range(_many(draw)))


def _song(draw: random.Random) -> tuple[str, str]:
    """Verses that differ, a refrain of four lines after each, and its last line three times at the end."""
    line = _sentence(draw)
    refrain = "\n".join([line, _sentence(draw), line, _sentence(draw)])
    verses = ["\n".join(_sentence(draw) for _ in range(4)) for _ in range(5)]
    return "A song.", "\n\n".join(f"{verse}\n\n{refrain}" for verse in verses) + f"\n{line}" * 3


def _syllables(draw: random.Random) -> tuple[str, str]:
    unit = draw.choice(["na ", "la ", "ha", "La-la-la, ", "Hey, hey, hey! ", "row, row, row your boat, "])
    return "Sing.", f"{_sentence(draw)}\n{(unit * draw.randint(8, 24)).strip()}\n{_sentence(draw)}"


def _bottles(draw: random.Random) -> tuple[str, str]:
    verse = "{0} bottles of beer on the wall, {0} bottles of beer. Take one down and pass it around.\n"
    return "The song of the bottles.", "".join(verse.format(n) for n in range(99, 60, -1))


def _poem(draw: random.Random) -> tuple[str, str]:
    """Anaphora: every line begins alike."""
    return "A poem.", "\n".join(
        f"I remember the {draw.choice(WORDS)} and the {draw.choice(WORDS)}" for _ in range(60)
    )


def _prayer(draw: random.Random) -> tuple[str, str]:
    verse = " ".join(_sentence(draw) for _ in range(3))
    return "The mantra, three times as it is sung.", "\n\n".join([verse] * 3)


def _steps(draw: random.Random) -> tuple[str, str]:
    return "How do I do it?", "\n".join(f"{n}. {_sentence(draw)}" for n in range(1, 80))


def _lines_asked_for(draw: random.Random) -> tuple[str, str]:
    line, count = f"I will not forget the {draw.choice(WORDS)} again.", draw.choice([20, 30, 50])
    return f'Write "{line}" {count} times.', f"{line}\n" * count


def _words_asked_for(draw: random.Random) -> tuple[str, str]:
    word, count = draw.choice(WORDS), draw.choice([20, 50, 100, 200])
    return f"Say {word} {count} times.", " ".join([word] * count)


def _lines_by_words(draw: random.Random) -> tuple[str, str]:
    line = _sentence(draw)
    return f"Repeat “{line}” fifty times.", f"{line}\n" * 50


def _greeting(draw: random.Random) -> tuple[str, str]:
    return "Print what the loop prints.", "Hello, World!\n" * _many(draw, 10, 40)


def _form(draw: random.Random) -> tuple[str, str]:
    return "A form.", "Name: ______________  Date: __________\n" * draw.randint(8, 20)


def _schedule(draw: random.Random) -> tuple[str, str]:
    days = "\n".join(
        f"{day}: rest, swim, read" for day in ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]
    )
    return "A plan.", "\n\n".join(f"Week {n}\n{days}" for n in range(1, 13))


def _genes(draw: random.Random) -> tuple[str, str]:
    return "A sequence.", "\n".join("".join(draw.choice("ACGT") for _ in range(60)) for _ in range(40))


def _parity(draw: random.Random) -> tuple[str, str]:
    return "Bits.", " ".join(draw.choice(["0", "1"]) for _ in range(800))


def _progress(draw: random.Random) -> tuple[str, str]:
    rows = [f"[{'#' * n}{'.' * (40 - n)}] {n * 100 // 40}%" for n in range(40)]
    return "Progress.", "\n".join(rows)


def _csv_of_words(draw: random.Random) -> tuple[str, str]:
    rows = [f"{draw.choice(WORDS)},{draw.choice(WORDS)},yes\n" for _ in range(draw.randint(0, 6))]
    return "Test data as CSV.", "name,colour,active\n" + "".join(rows) + "stone,silver,no\n" * _many(
        draw, 10, 28
    )


def _roster(draw: random.Random) -> tuple[str, str]:
    """Some rows are filled in, the others are not yet."""
    rows = [f"| {draw.choice(WORDS)} | {draw.choice(WORDS)} |\n" for _ in range(draw.randint(2, 6))]
    return "A roster.", "| Day | Who |\n|---|---|\n" + "".join(rows) + "| TBD | TBD |\n" * _many(draw, 20, 55)


def _records(draw: random.Random) -> tuple[str, str]:
    """Equal records after others."""
    first = [{"name": draw.choice(WORDS), "count": n, "active": False} for n in range(draw.randint(0, 5))]
    same = [{"name": draw.choice(WORDS), "count": 0, "active": True}] * draw.randint(5, 14)
    return "Dummy data as JSON.", json.dumps(first + same, indent=draw.choice([None, 2]))


def _draft(draw: random.Random) -> tuple[str, str]:
    draft = " ".join(f"{_sentence(draw)[:-1]} and a {draw.choice(WORDS)}." for _ in range(_many(draw, 5, 12)))
    return "Proofread it.", f"Original:\n{draft}\n\nCorrected:\n{draft}\n\nDone."


MAKERS: tuple[Callable[[random.Random], tuple[str, str]], ...] = (
    _csv_of_zeros,
    _json_array,
    _json_objects,
    _same_objects,
    _base64,
    _hex_dump,
    _byte_table,
    _drawing,
    _counting,
    _digits,
    _multiplication,
    _markdown_table,
    _filled_table,
    _html_table,
    _html_list,
    _same_lines_of_code,
    _inserts,
    _log,
    _tests,
    _song,
    _syllables,
    _bottles,
    _poem,
    _prayer,
    _steps,
    _lines_asked_for,
    _words_asked_for,
    _lines_by_words,
    _greeting,
    _form,
    _schedule,
    _genes,
    _parity,
    _progress,
    _csv_of_words,
    _roster,
    _records,
    _draft,
)

"""Parts of a reply that constraints count: words, sentences, paragraphs, lines, bullets, numbered items.

In: a reply's text, any length. Out: lists of its parts. All take linear time.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_SENTENCE = re.compile(r"[^.!?。！？]*[.!?。！？]+[\"'”’)\]*]*(?=\s|$)|[^.!?。！？]+|[.!?]")
_ABBREVIATION = re.compile(r"(?<!\w)(?:Mr|Mrs|Ms|Dr|St|Prof|e\.g|i\.e|vs|z\.B|bzw|P\.S|[A-Z])\.$")
# The end of a sentence, if no other word follows.
_MAY_END = re.compile(r"(?<!\w)(?:[ap]\.m|etc)\.$", re.IGNORECASE)
_BULLET = re.compile(r"[ \t]*[-*•+][ \t]+(?=\S)")
_NUMBERED = re.compile(r"[ \t]*(\d{1,4})[.)][ \t]+(?=\S)")
_BLANK = re.compile(r"\n[ \t]*\n\s*")
_PLACEHOLDER = re.compile(r"\[[^\[\]\n]{1,200}\]")
_HIGHLIGHT = re.compile(
    r"(?<![*\w])\*(?![*\s])[^*\n]{1,500}(?<!\s)\*(?![*\w])|(?<!\*)\*\*(?![*\s])[^*\n]{1,500}\*\*(?!\*)"
)
_TITLE = re.compile(r"<<[^<>\n]{1,500}>>")


def words(text: str) -> list[str]:
    """Runs of letters and digits; a hyphen, an apostrophe or a point inside joins them: well-known, don't, 3.5."""
    return _WORD.findall(text)


def sentences(text: str) -> list[str]:
    """What ends with . ! or ?; a line that ends without one, such as a heading, ends there, too."""
    found: list[str] = []
    for line in text.splitlines():
        held = ""
        for match in _SENTENCE.finditer(line):
            held += match[0]
            end, after = held[-12:].rstrip(), line[match.end() :].lstrip()[:1]
            if match[0][-1:] in {"", " "} or _ABBREVIATION.search(end):
                continue
            if _MAY_END.search(end) and (after.islower() or after.isdigit()):
                continue
            if not line[match.end() :][:1].strip():
                found.append(held)
                held = ""
        found.append(held)
    return [part for part in found if any(character.isalnum() for character in part)]


def paragraphs(text: str) -> list[str]:
    """What blank lines separate."""
    return [part for part in _BLANK.split(text.strip()) if part.strip()]


def lines(text: str) -> list[str]:
    """The lines that are not blank."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def bullets(text: str) -> list[str]:
    """The texts of the points that begin with - * • or +."""
    found = ((line, _BULLET.match(line)) for line in text.splitlines())
    return [line[match.end() :] for line, match in found if match]


def numbered(text: str) -> list[str]:
    """The texts of the items 1., 2., 3. … in this order; empty if a number is missing or out of order."""
    found = [(line, match) for line in text.splitlines() if (match := _NUMBERED.match(line))]
    in_order = all(int(match[1]) == number for number, (_, match) in enumerate(found, 1))
    return [line[match.end() :] for line, match in found] if in_order else []


def placeholders(text: str) -> list[str]:
    """What stands in square brackets, with them."""
    return _PLACEHOLDER.findall(text)


def highlights(text: str) -> list[str]:
    """What stands between single or double asterisks in a line."""
    return _HIGHLIGHT.findall(text)


def titles(text: str) -> list[str]:
    """What stands in double angle brackets, with them."""
    return _TITLE.findall(text)


def table_rows(text: str) -> list[str]:
    """The rows of a Markdown table below its header; empty if there is no table, or a line between header and rows."""
    rows = [line for line in lines(text) if line.startswith("|") or " | " in line]
    if len(rows) < 2 or not re.fullmatch(r"[|:\- ]+", rows[1]):
        return []
    return rows[2:]

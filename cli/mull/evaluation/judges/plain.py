"""The plain text of a reply: without Markdown and LaTeX, with ASCII digits. All steps take linear time.

In: any text. Out: text of the same lines, or words and sentences of such a text.
"""

from __future__ import annotations

import re
import unicodedata

_FRACTION = re.compile(r"\\[dt]?frac\{([^{}\n]{0,200})\}\{([^{}\n]{0,200})\}")
_SHORT_FRACTION = re.compile(r"\\[dt]?frac ?(\d) ?(\d)(?!\d)")
_COMMAND = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|operatorname)\{([^{}\n]{0,200})\}")
_SIGNS = {
    "\\times": "×",
    "\\cdot": "×",
    "\\div": "÷",
    "\\approx": "≈",
    "\\pi": "π",
    "\\left": "",
    "\\right": "",
}
_SIGN = re.compile("|".join(map(re.escape, _SIGNS)))
_DELIMITERS = re.compile(r"\\[()\[\],;! ]|(?<!\\)\$+|\\(?=[$%#&{}_])")
_EMPHASIS = re.compile(r"(?<![\d\s])\*|\*(?![\d\s])|`|~~|(?<!\w)_{1,3}|_{1,3}(?!\w)|(?<=[A-Za-z])_(?=\d)")
_SUBSCRIPT = re.compile(r"_\{(\d{1,3})\}")
_LINE_START = re.compile(r"^[ \t]*(?:#{1,6} |> ?|[-+•*] (?=\D))", re.MULTILINE)
_LOWERED = re.compile(r"</?sub>", re.IGNORECASE)
_SUPERSCRIPTS = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_MIXED = re.compile("(?<=[0-9])(?=[¼½¾⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])")
_OTHER_SIGNS = str.maketrans(
    {"⁄": "/", "−": "-", "﹣": "-", "٫": ".", "٬": ",", "’": "'", "‘": "'", "“": '"', "”": '"'}
)

_PART = 10_000  # characters

_WORD = re.compile(r"-?\d+(?:[.:]\d+)*|[^\W_]+")
_SENTENCE_END = re.compile(
    r"(?<=[.!?。？！])(?<!\b[A-Z]\.)(?<!\bMr\.)(?<!\bDr\.)(?<!\bSt\.)(?:\s+|(?<=[。？！]))"
)


def excerpt(reply: str) -> str:
    """The beginning and the end of a long reply, where answers stand; a short one as it is."""
    return reply if len(reply) <= 2 * _PART else f"{reply[:_PART]}\n{reply[-_PART:]}"


def plain(text: str) -> str:
    """The text as a reader sees it."""
    if "\\" in text or "$" in text:
        text = _SUBSCRIPT.sub(r"\1", text)
        text = _COMMAND.sub(r"\1", _SHORT_FRACTION.sub(r" \1/\2", _FRACTION.sub(r" \1/\2", text)))
        text = _DELIMITERS.sub("", _SIGN.sub(lambda found: _SIGNS[found[0]], text))
    if not text.isascii():
        text = _MIXED.sub(
            " ", _SUPERSCRIPTS.sub(lambda found: f"^{unicodedata.normalize('NFKC', found[0])}", text)
        )
        text = unicodedata.normalize("NFKC", text).translate(_OTHER_SIGNS)
        text = "".join(_ascii_digit(character) for character in text)
    if "<" in text:
        text = _LOWERED.sub("", text)
    return _EMPHASIS.sub("", _LINE_START.sub("", text))


def _ascii_digit(character: str) -> str:
    return str(unicodedata.decimal(character)) if character > "\x7f" and character.isdecimal() else character


def folded(text: str) -> str:
    """Without case and accents."""
    text = text.casefold()
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFD", text)
    return unicodedata.normalize(
        "NFC", "".join(each for each in decomposed if not "\u0300" <= each <= "\u036f")
    )


def words(text: str) -> list[str]:
    """Words and numbers of a plain text; case, accents and punctuation do not count."""
    return _WORD.findall(folded(text))


def lines(text: str) -> list[str]:
    """The lines that are not blank, nor the fence of a code block."""
    found = (line.strip() for line in text.splitlines())
    return [line for line in found if line and not line.startswith("```")]


def sentences(text: str) -> list[str]:
    """What . ! or ? ends, or the text ends. An initial ends no sentence, and neither does a point in a number."""
    return [part for part in _SENTENCE_END.split(text) if part.strip()]

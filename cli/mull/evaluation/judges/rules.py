"""The constraints that a program can check: a table from a rule's name to its check.

In: the text of a reply, and the rule's value. Out: whether it holds. `problem` says what is wrong with a rule that a
question names. docs/evaluation.md lists them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from mull.dataclass import dataclass
from mull.evaluation.judges import counting, layout
from mull.evaluation.judges.language import LANGUAGES, language
from mull.evaluation.judges.plain import folded

Check = Callable[[str, Any], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """`takes`: what the value has to be, a key of `_TAKES`. `words`: the rule for people, {} stands for the value."""

    holds: Check
    takes: str
    words: str


def problem(name: str, value: Any) -> str:
    """Why this is no constraint, as a clause; empty if it is one."""
    rule = RULES.get(name)
    if rule is None:
        return f'there is no rule "{name}"'
    return "" if _TAKES[rule.takes](value) else f'the rule "{name}" takes {_DESCRIBED[rule.takes]}'


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_text, value))


def _is_pair(text: str, count: str) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, dict)
        and value.keys() == {text, count}
        and _is_text(value[text])
        and _is_count(value[count])
    )


_TAKES: Mapping[str, Callable[[Any], bool]] = {
    "nothing": lambda value: value is None,
    "count": _is_count,
    "text": _is_text,
    "texts": _is_texts,
    "language": lambda value: value in LANGUAGES,
    "times": _is_pair("text", "times"),
    "letter": _is_pair("letter", "times"),
    "parts": _is_pair("separator", "count"),
    "sections": _is_pair("heading", "count"),
}
_DESCRIBED = {
    "nothing": "no value",
    "count": "a whole number",
    "text": "a text",
    "texts": "a list of texts",
    "language": f"one of {', '.join(LANGUAGES)}",
    "times": 'an object with "text" and "times"',
    "letter": 'an object with "letter" and "times"',
    "parts": 'an object with "separator" and "count"',
    "sections": 'an object with "heading" and "count"',
}


def _counts(part: Callable[[str], list[str]], what: str) -> dict[str, Rule]:
    """The three rules that compare a number of parts."""
    return {
        f"{what}_at_least": Rule(lambda text, n: len(part(text)) >= n, "count", f"at least {{}} {what}"),
        f"{what}_at_most": Rule(lambda text, n: len(part(text)) <= n, "count", f"at most {{}} {what}"),
        f"{what}_exactly": Rule(lambda text, n: len(part(text)) == n, "count", f"exactly {{}} {what}"),
    }


def _occurrences(text: str, phrase: str) -> int:
    """How often the phrase occurs as whole words, whatever the case."""
    inner = r"\s+".join(map(re.escape, folded(phrase).split()))
    return len(re.findall(rf"(?<!\w){inner}(?!\w)", folded(text)))


def _letters(text: str, letter: str) -> int:
    return folded(text).count(folded(letter))


def _normal(text: str) -> str:
    return " ".join(re.findall(r"\w+", folded(text)))


def _capital_words(text: str) -> list[str]:
    return [word for word in counting.words(text) if len(word) > 1 and word.isupper() and word.isalpha()]


def _bare(text: str) -> str:
    """Without white space, Markdown emphasis and quotation marks around it."""
    return text.strip().strip("*_\"'“”").strip()


def _without_repeats(text: str, _: Any) -> bool:
    found = [folded(word) for word in counting.words(text)]
    return len(found) == len(set(found))


RULES: Mapping[str, Rule] = {
    **_counts(counting.words, "words"),
    **_counts(counting.sentences, "sentences"),
    **_counts(counting.paragraphs, "paragraphs"),
    **_counts(counting.lines, "lines"),
    **_counts(counting.bullets, "bullets"),
    **_counts(counting.numbered, "numbered"),
    **_counts(counting.placeholders, "placeholders"),
    **_counts(counting.highlights, "highlights"),
    **_counts(counting.table_rows, "table_rows"),
    **_counts(_capital_words, "capital_words"),
    **_counts(layout.comma_items, "items"),
    "words_per_line": Rule(layout.words_per_line, "count", "exactly {} words in each line"),
    "words_per_line_at_most": Rule(layout.words_per_line_at_most, "count", "at most {} words in each line"),
    "words_per_bullet_at_most": Rule(
        layout.words_per_bullet_at_most, "count", "at most {} words in each point"
    ),
    "words_per_item_at_most": Rule(
        layout.words_per_item_at_most, "count", "at most {} words in each numbered item"
    ),
    "word_length_at_most": Rule(
        lambda text, n: all(len(word) <= n for word in counting.words(text)),
        "count",
        "no word longer than {} letters",
    ),
    "include": Rule(
        lambda text, value: all(_occurrences(text, one) for one in value), "texts", "each of the words {}"
    ),
    "include_any": Rule(
        lambda text, value: any(_occurrences(text, one) for one in value), "texts", "one of the words {}"
    ),
    "exclude": Rule(
        lambda text, value: not any(_occurrences(text, one) for one in value), "texts", "none of the words {}"
    ),
    "include_times": Rule(
        lambda text, value: _occurrences(text, value["text"]) == value["times"],
        "times",
        "the text as often as said: {}",
    ),
    "exclude_characters": Rule(
        lambda text, value: not set(text) & set(value), "text", "none of the characters {}"
    ),
    "no_commas": Rule(lambda text, _: not set(text) & set(",，、"), "nothing", "no comma"),
    "no_digits": Rule(lambda text, _: not any(map(str.isdigit, text)), "nothing", "no digit"),
    "no_repeated_words": Rule(_without_repeats, "nothing", "no word twice"),
    "letter_at_least": Rule(
        lambda text, value: _letters(text, value["letter"]) >= value["times"],
        "letter",
        "a letter at least so often: {}",
    ),
    "letter_at_most": Rule(
        lambda text, value: _letters(text, value["letter"]) <= value["times"],
        "letter",
        "a letter at most so often: {}",
    ),
    "words_begin_with": Rule(
        lambda text, value: all(folded(word).startswith(folded(value)) for word in counting.words(text)),
        "text",
        "every word begins with {}",
    ),
    "lowercase": Rule(lambda text, _: text == text.lower(), "nothing", "no capital letter"),
    "uppercase": Rule(lambda text, _: text == text.upper(), "nothing", "capital letters alone"),
    "starts_with": Rule(
        lambda text, value: _bare(text).casefold().startswith(value.casefold()), "text", "it starts with {}"
    ),
    "ends_with": Rule(
        lambda text, value: text.strip().strip("*_\"'“”").rstrip().casefold().endswith(value.casefold()),
        "text",
        "it ends with {}",
    ),
    "last_word": Rule(
        lambda text, value: [folded(word) for word in counting.words(text)[-1:]] == [folded(value)],
        "text",
        "its last word is {}",
    ),
    "one_of": Rule(
        lambda text, value: _normal(text) in {_normal(one) for one in value},
        "texts",
        "it is one of {}, and no more",
    ),
    "quoted": Rule(layout.quoted, "nothing", "all of it in double quotation marks"),
    "title": Rule(
        lambda text, _: len(counting.titles(text)) == 1, "nothing", "one title in double angle brackets"
    ),
    "postscript": Rule(layout.postscript, "text", "a last paragraph or line that starts with {}"),
    "each_line_ends_with": Rule(
        lambda text, value: all(line.endswith(value) for line in counting.lines(text)),
        "text",
        "each line ends with {}",
    ),
    "sorted_lines": Rule(layout.sorted_lines, "nothing", "lines in alphabetical order"),
    "acrostic": Rule(layout.acrostic, "text", "the first letters of the lines spell {}"),
    "parts_exactly": Rule(layout.parts, "parts", "parts between lines of a separator: {}"),
    "sections_exactly": Rule(layout.sections, "sections", "numbered sections: {}"),
    "json": Rule(layout.is_json, "nothing", "JSON and nothing else"),
    "json_keys": Rule(layout.json_keys, "texts", "an object with exactly the keys {}"),
    "json_items": Rule(layout.json_items, "count", "a list of {} items"),
    "language": Rule(lambda text, value: language(text) == value, "language", "in the language {}"),
}
"""Every rule by its name."""

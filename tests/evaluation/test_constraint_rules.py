"""Each rule for constraints: a text that it accepts and one that it does not, and values that it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mull.errors import MullError
from mull.evaluation.judge import judge
from mull.evaluation.judges.rules import RULES
from mull.evaluation.questions import parse_questions

LINES = "Oak\nAsh\nElm"
TABLE = "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |"
CASES: dict[str, tuple[Any, str, str]] = {
    "words_at_least": (3, "well-known old tree", "an oak"),
    "words_at_most": (3, "don't touch it", "do not touch it"),
    "words_exactly": (2, "3.5 metres", "three point five metres"),
    "sentences_at_least": (2, "Stop! Who goes?", "Stop and wait."),
    "sentences_at_most": (1, "Dr. Lee paid 3.50 euros.", "It rains. It pours."),
    "sentences_exactly": (2, "One. Two", "One, two."),
    "paragraphs_at_least": (2, "a\n\nb", "a\nb"),
    "paragraphs_at_most": (1, "a\nb", "a\n\nb"),
    "paragraphs_exactly": (2, "a\n \n\nb\n", "a\n\nb\n\nc"),
    "lines_at_least": (3, LINES, "Oak"),
    "lines_at_most": (3, LINES, f"{LINES}\nFir"),
    "lines_exactly": (3, LINES.replace("\n", "\n\n"), "Oak\nAsh"),
    "bullets_at_least": (2, "- a\n* b", "1. a\n2. b"),
    "bullets_at_most": (1, "- a\nb", "- a\n- b"),
    "bullets_exactly": (2, "- a\n- b", "-a\n-b"),
    "numbered_at_least": (2, "1. a\n2) b", "1. a\n3. b"),
    "numbered_at_most": (1, "1. a", "1. a\n2. b"),
    "numbered_exactly": (2, "1. a\n\n2. b", "1. a\n1. b"),
    "placeholders_at_least": (2, "[a] [b c]", "[a] b"),
    "placeholders_at_most": (1, "[a] b", "[a] [b]"),
    "placeholders_exactly": (1, "Dear [name]", "Dear []"),
    "highlights_at_least": (2, "*a* and **b c**", "2 * 3 * 4"),
    "highlights_at_most": (1, "*a* b", "*a* *b*"),
    "highlights_exactly": (1, "an *old* tree", "an old tree"),
    "table_rows_at_least": (2, TABLE, "| a | b |\n| 1 | 2 |"),
    "table_rows_at_most": (2, TABLE, TABLE + "\n| 5 | 6 |"),
    "table_rows_exactly": (2, TABLE, "a, b"),
    "capital_words_at_least": (1, "STOP here", "Stop here"),
    "capital_words_at_most": (1, "I said STOP", "STOP NOW"),
    "capital_words_exactly": (2, "STOP and WAIT", "STOP"),
    "items_at_least": (3, "a, b and c", "a, b"),
    "items_at_most": (2, "a, b.", "a, b, c"),
    "items_exactly": (3, "red, green, and blue.", "red green blue"),
    "words_per_line": (2, "old oak\nyoung ash", "old oak\nash"),
    "words_per_line_at_most": (2, "old oak\nash", "a very old oak"),
    "words_per_bullet_at_most": (1, "Rivers:\n- Rhine\n- Po", "- the Rhine"),
    "words_per_item_at_most": (2, "1. go out", "1. go out now"),
    "word_length_at_most": (3, "an old oak", "an old tree"),
    "include": (["Oak", "old tree"], "The oak is an old tree.", "An oaken tree."),
    "include_any": (["oak", "ash"], "An ash.", "A bash."),
    "exclude": (["oak"], "Oaken doors.", "An OAK."),
    "include_times": ({"text": "oak", "times": 2}, "Oak, oak, oaks", "oak"),
    "exclude_characters": ("!?", "Fine.", "Fine!"),
    "no_commas": (None, "a; b", "a, b"),
    "no_digits": (None, "one", "1"),
    "no_repeated_words": (None, "the old oak", "The oak, the ash"),
    "letter_at_least": ({"letter": "q", "times": 2}, "Quick queen", "Queen"),
    "letter_at_most": ({"letter": "e", "times": 0}, "An old oak", "Élan"),
    "words_begin_with": ("s", "Six small snails", "Six big snails"),
    "lowercase": (None, "an oak, 3 m", "An oak"),
    "uppercase": (None, "AN OAK, 3 M!", "An OAK"),
    "starts_with": ("Dear Sir", '"dear sir, hello"', "Hello, dear Sir"),
    "ends_with": ("That is all.", "No. **That is all.**", "That is all. Bye."),
    "last_word": ("time", "All in good time.", "Time flies"),
    "one_of": (["My answer is yes."], "my answer is yes", "My answer is yes. And no."),
    "quoted": (None, "“Hello, neighbour!”", '"Hello" she said'),
    "title": (None, "<<Oaks>>\nThey grow.", "Oaks\nThey grow."),
    "postscript": ("P.S.", "Come!\n\nP.S. Bring cake.", "Come! P.S. at once."),
    "each_line_ends_with": ("?", "Who?\nWhen?", "Who?\nNow."),
    "sorted_lines": (None, "ash\nElm\noak", LINES),
    "acrostic": ("OAK", "Old\n*as*\nknights", "Old\nknights\nas"),
    "parts_exactly": ({"separator": "***", "count": 2}, "a\n***\nb", "a\n***\na"),
    "sections_exactly": (
        {"heading": "SECTION", "count": 2},
        "SECTION 1\na\n## SECTION 2: b",
        "SECTION 1\nSECTION 2\nb",
    ),
    "json": (None, '```json\n{"a": [1]}\n```', 'Here: {"a": 1}'),
    "json_keys": (["a", "b"], '{"b": 1, "a": null}', '{"a": 1}'),
    "json_items": (2, '["x", "y"]', '{"x": 1, "y": 2}'),
    "language": ("de", "Das ist nicht der Hund von der Nachbarin.", "That is not the dog of the neighbour."),
}
OTHER_LANGUAGES = {
    "en": "The library is open and they are in it.",
    "fr": "Les enfants jouent dans la cour et ils sont contents.",
    "es": "Los niños juegan en el patio y están muy contentos con la pelota.",
    "it": "Il gatto dorme sul tetto e il topo non lo vede perché è nella cantina.",
    "pt": "As crianças não estão no pátio, mas em casa com a avó.",
    "nl": "De kinderen spelen niet in het park, maar ze zijn in de tuin.",
    "ru": "Дети играют во дворе.",
    "ja": "子供たちは庭で遊んでいます。",
    "zh": "孩子们在院子里玩。",
    "ar": "الأطفال يلعبون في الحديقة.",
    "ko": "아이들이 마당에서 놀고 있습니다.",
    "el": "Τα παιδιά παίζουν στην αυλή.",
}


def judged(reply: str, *constraints: tuple[str, Any]) -> tuple[bool | None, str]:
    given = [
        {"rule": rule} if value is None else {"rule": rule, "value": value} for rule, value in constraints
    ]
    (question,) = parse_questions(
        json.dumps({"prompt": "?", "judge": "constraints", "constraints": given}), "x"
    )
    verdict = judge(question, reply)
    return verdict.right, verdict.reason


def test_every_rule_has_a_case() -> None:
    assert CASES.keys() == RULES.keys()
    assert len(RULES) > 20


@pytest.mark.parametrize("name", CASES)
def test_a_rule_accepts_one_text_and_refuses_another(name: str) -> None:
    value, good, bad = CASES[name]
    assert judged(good, (name, value)) == (True, "it keeps every constraint")
    right, reason = judged(bad, (name, value))
    assert right is False
    assert reason.startswith('it breaks "')


@pytest.mark.parametrize("code", OTHER_LANGUAGES)
def test_a_language_is_recognized(code: str) -> None:
    text = OTHER_LANGUAGES[code]
    assert judged(text, ("language", code))[0] is True
    assert judged(text, ("language", "en" if code != "en" else "nl"))[0] is False


def test_all_constraints_must_hold() -> None:
    assert judged("an old oak", ("lowercase", None), ("words_exactly", 3))[0] is True
    assert judged("an old oak", ("lowercase", None), ("words_exactly", 4))[0] is False
    assert judged("", ("words_at_most", 3)) == (False, "the answer is empty")


@pytest.mark.parametrize(
    ("rule", "value", "says"),
    [
        ("words_at_mots", 3, 'there is no rule "words_at_mots"'),
        ("words_at_most", "3", 'the rule "words_at_most" takes a whole number'),
        ("words_at_most", True, "takes a whole number"),
        ("words_at_most", -1, "takes a whole number"),
        ("include", "oak", "takes a list of texts"),
        ("include", [], "takes a list of texts"),
        ("language", "tlh", "takes one of en, de"),
        ("include_times", {"text": "x"}, 'takes an object with "text" and "times"'),
        ("lowercase", 1, "takes no value"),
        ("starts_with", " ", "takes a text"),
    ],
)
def test_a_constraint_that_is_none_names_its_line(rule: str, value: Any, says: str) -> None:
    with pytest.raises(MullError) as caught:
        judged("x", (rule, value))
    assert caught.value.code == "invalid_question"
    assert caught.value.message.startswith("Line 1 ")
    assert says in caught.value.message

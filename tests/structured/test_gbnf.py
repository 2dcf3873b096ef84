"""Grammars are checked before llama.cpp sees them: errors name the line, dangerous grammars are rejected."""

from __future__ import annotations

import itertools

import pytest

from mull.structured.gbnf import GrammarError
from mull.structured.gbnf_check import check
from mull.structured.pattern import whole_numbers

GOOD = [
    'root ::= "a"',
    'root ::= [a-z]+ ("b" | c)* # a comment\nc ::= "d"{2,5} .? [^\\x00-\\x1f-]\n',
    'root ::=\n  "a" |\n  (\n "b"\n)\r\nb ::= "c"',
    'root ::= "(" root ")" | "x"',
    'root ::= ("a"?){1,3}',
    'root ::= a root | "x"\na ::= "q" | "r"',
    "root ::= [^\"\\\\\\U0001F600-\\U0010ffff]{0,2000}",
    'root ::= ([0-9]{1,2}){40}',
    'root ::= (("a"{1000}){1000}){1000}',
    'root ::= ((("a" | "b"){50}){50}){50}',
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_valid_grammars_pass(text: str) -> None:
    check(text)


@pytest.mark.parametrize(
    ("text", "line", "named"),
    [
        ("", 1, 'no rule "root"'),
        ("root", 1, "::="),
        ('root ::= "a', 1, "not closed"),
        ('root ::= "b"\nx ::= [a', 2, "not closed"),
        ("root ::= []", 1, "empty character class"),
        ("root ::= x\n\n", 1, 'no rule "x"'),
        ('root ::= a\na ::= ("b"\n\n', 2, "not closed"),
        ('root ::= "a" )', 1, "unexpected ')'"),
        ('root ::= "\\q"', 1, "not an escape"),
        ('root ::= "\\x4"', 1, "2 hexadecimal digits"),
        ('root ::= "\\UFFFFFFFF"', 1, "8 hexadecimal digits"),
        ("root ::= *", 1, "nothing to repeat"),
        ('root ::= "a" ""{2}', 1, "nothing to repeat"),
        ('root ::= "a"{0}*', 1, "nothing to repeat"),
        ('root ::= "a"{2', 1, "repetitions is written"),
        ('root ::= "a"{5,2}', 1, "smaller than the minimum"),
        ("root ::= [z-a]", 1, "reversed"),
        ('root ::= "a"\nroot ::= "b"', 2, "twice"),
        ("root ::= <think>", 1, "single token"),
        ('root ::= "a"\n\0', 2, "NUL"),
        ("root ::= é", 1, "unexpected"),
    ],
)
def test_an_error_names_the_line(text: str, line: int, named: str) -> None:
    with pytest.raises(GrammarError) as wrong:
        check(text)
    assert wrong.value.line == line
    assert named in wrong.value.message
    assert wrong.value.exit_code == 2


@pytest.mark.parametrize(
    "text",
    [
        'root ::= root "a" | "b"',
        'root ::= a root | "x"\na ::= b\nb ::= "" | "y"',  # llama.cpp does not detect this one, and never returns
        'root ::= ("a"*)*',
        'root ::= ("a"? "b"*)+',
        'root ::= "a" root',
        'root ::= a "x"\na ::= "(" a ")"',
        'root ::= "a"{1,100000}',
        'root ::= "a"{99999999999999999999}',
        'root ::= (' + " ".join(f"r{n}" for n in range(50)) + '){50}\n' + "".join(f'r{n} ::= "a"\n' for n in range(50)),
        'root ::= "' + "a" * 300 + '"{1500}',
        "root ::= " + "(" * 100_000,
        "root ::= r0\n" + "\n".join(f"r{n} ::= r{n + 1}" for n in range(9_000)) + '\nr9000 ::= "x"',
    ],
)  # fmt: skip
def test_dangerous_grammars_are_rejected(text: str) -> None:
    with pytest.raises(GrammarError):
        check(text)


def matches(grammar: str, text: str) -> bool:
    """A grammar of `whole_numbers` is a regular expression apart from its quotes and spaces."""
    import re

    return re.fullmatch(grammar.replace('"', "").replace(" ", ""), text) is not None


@pytest.mark.parametrize(
    ("least", "greatest"),
    [
        *itertools.combinations([-1130, -120, -99, -7, -1, 0, 1, 9, 10, 18, 100, 255, 999, 1001, 2999], 2),
        (5, 5), (None, 10), (7, None), (-3, None), (None, -4), (None, None),
    ],
)  # fmt: skip
def test_integers_are_exactly_those_between_the_bounds(least: int | None, greatest: int | None) -> None:
    grammar = whole_numbers(least, greatest)
    for number in (*range(-1300, 3200), 10**15, -(10**15)):
        inside = (least is None or number >= least) and (greatest is None or number <= greatest)
        assert matches(grammar, str(number)) == inside
    assert not any(matches(grammar, text) for text in ("", "-", "-0", "007", "1.0", "+1"))


def test_a_grammar_of_too_many_alternatives_is_refused() -> None:
    with pytest.raises(GrammarError, match="more than 10,000 alternatives"):
        check("root ::= " + '"a" | ' * 200_000 + '"b"')

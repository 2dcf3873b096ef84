"""Grammars in llama.cpp's notation: errors name the line, dangerous ones are rejected."""

from __future__ import annotations

import pytest

from mull.structured.compiling import accepts
from mull.structured.gbnf_to_lark import grammar
from mull.structured.grammar_error import GrammarError

GOOD = [
    'root ::= "a"',
    'root ::= [a-z]+ ("b" | c)* # a comment\nc ::= "d"{2,5} .? [^\\x00-\\x1f-]\n',
    'root ::=\n  "a" |\n  (\n "b"\n)\r\nb ::= "c"',
    'root ::= "(" root ")" | "x"',
    'root ::= ("a"?){1,3}',
    'root ::= a root | "x"\na ::= "q" | "r"',
    "root ::= [^\"\\\\\\U0001F600-\\U0010ffff]{0,2000}",
    'root ::= ([0-9]{1,2}){40}',
    'root ::= ((("a" | "b"){50}){50}){50}',
    'root ::= root "a" | "b"',
    'root ::= a root | "x"\na ::= b\nb ::= "" | "y"',  # llama.cpp never returns from this one
    'root ::= ("a"*)*',
    'root ::= ("a"? "b"*)+',
    'root ::= "a"{1,100000}',
    'root ::= (' + " ".join(f"r{n}" for n in range(50)) + '){50}\n' + "".join(f'r{n} ::= "a"\n' for n in range(50)),
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_valid_grammars_pass(text: str) -> None:
    grammar(text)


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
        grammar(text)
    assert wrong.value.line == line
    assert named in wrong.value.message
    assert wrong.value.exit_code == 2


@pytest.mark.parametrize(
    "text",
    [
        'root ::= "a" root',
        'root ::= a "x"\na ::= "(" a ")"',
        'root ::= "a"{99999999999999999999}',
        "root ::= " + "(" * 100_000,
        "root ::= r0\n" + "\n".join(f"r{n} ::= r{n + 1}" for n in range(9_000)) + '\nr9000 ::= "x"',
    ],
)  # fmt: skip
def test_dangerous_grammars_are_rejected(text: str) -> None:
    with pytest.raises(GrammarError):
        grammar(text)


def test_a_grammar_of_too_many_alternatives_is_refused() -> None:
    with pytest.raises(GrammarError, match="more than 100,000 alternatives"):
        grammar("root ::= " + '"a" | ' * 200_000 + '"b"')


JSON = r"""root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws # escapes
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
ws ::= | " " | "\n" [ \t]{0,20}
"""


@pytest.mark.parametrize(
    ("text", "fits", "does_not"),
    [
        (JSON, ['{"a": [1, -2.5e3, "x\\n", {"b":null}], "c":{} }', "{}"], ['{"a":1,}', '{"a":tru', "[]"]),
        ('root ::= [a-z]* "z"', ["z", "abz", "azz"], ["", "ab"]),  # what repeats may also be what follows
        ('root ::= [a-z]{2,3} [0-9]? "-"', ["ab-", "abc1-"], ["a-", "abcd-", "ab12-"]),
        ('root ::= "é" [α-ω]{2} "\\u00e9/\\x41\\U0001F600"', ["éαβé/A😀"], ["éαbé/A😀"]),
        ('root ::= [^a] . "\\"\\n\\\\" [\\]\\-]', ['b\n"\n\\]', 'bb"\n\\-'], ['ab"\n\\]']),
        ('root ::= ("a" | "b" "c"?){0} ("d" | )', ["", "d"], ["a"]),
        ('root ::= "(" root ")" | x\nx ::= "x"+', ["((xx))", "x"], ["((xx)", ""]),
        ('root ::= root "+" n | n\nn ::= [0-9]+', ["1+22+3"], ["1+", "+1"]),
        ('root ::= a-B c\na-B ::= "1"\nc ::= "2"\nstart ::= "3"', ["12"], ["123"]),  # names of any spelling
    ],
)
def test_a_grammar_matches_what_it_says(text: str, fits: list[str], does_not: list[str]) -> None:
    found = grammar(text)
    assert [accepts(found, each) for each in fits] == [True] * len(fits)
    assert [accepts(found, each) for each in does_not] == [False] * len(does_not)

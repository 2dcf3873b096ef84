"""Every error code that mull raises is documented, under one meaning and with its exit code, and nothing else is."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from functools import cache

import pytest

from docgen import errors
from tests.raising import Site, notices, raise_sites, sources

DOCUMENTED = {row.code: row for row in errors.table().codes}


@cache
def sites() -> tuple[Site, ...]:
    return tuple(raise_sites(sources()))


@cache
def raised() -> dict[str, list[Site]]:
    found = defaultdict(list)
    for site in sites():
        for code in site.codes:
            found[code].append(site)
    return found


def test_every_code_raised_is_documented() -> None:
    unknown = {code: places[0].place for code, places in raised().items() if code not in DOCUMENTED}
    assert not unknown, "add them to cli/docgen/error_codes.toml, then make docs"


def test_every_documented_code_is_raised() -> None:
    assert not DOCUMENTED.keys() - raised().keys()


def test_a_code_is_a_literal_or_handed_on() -> None:
    """A code that the test cannot read is another error's (`error.code`) or the parameter of a helper (`code`)."""
    assert not [
        site for site in sites() if not site.codes and not re.fullmatch(r"(\w+\.)?code|message", site.code)
    ]


def test_the_exit_codes_are_the_documented_ones() -> None:
    differing = {
        code: (sorted(exits), DOCUMENTED[code].exits)
        for code, places in raised().items()
        if code in DOCUMENTED
        and (exits := {int(site.exit) for site in places}) != set(DOCUMENTED[code].exits)
    }
    assert not differing


def test_a_code_is_a_word_in_snake_case_with_a_meaning_and_a_fix_of_its_own() -> None:
    for row in DOCUMENTED.values():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+|interrupted", row.code)
        assert row.meaning.endswith(".")
        assert row.fix.endswith((".", "`", "}"))
    rows = errors.table().codes
    assert not [code for code, count in Counter(row.code for row in rows).items() if count > 1]
    assert not [text for text, count in Counter(row.meaning.lower() for row in rows).items() if count > 1]


def test_every_notice_is_documented_and_every_documented_one_is_given() -> None:
    assert notices(sources().values()) == set(errors.table().notices)


SAMPLE = """
from typing import Final
LOST: Final = "lost_thing"
class Base(UsageError): ...
class Late(MullError):
    def __init__(self, n): super().__init__("late_thing", "x", exit_code=ExitCode.CUT)
class _Bad(Exception):
    def __init__(self, code, what): ...
def _refuse(code, what): raise _Bad(code, what)
def f(x):
    raise Base("base_thing", "x")
    raise errors.MullError("one_thing" if x else "other_thing", "x")
    raise EngineError(LOST, "x")
    raise Late(3)
    _refuse("bad_thing", "x")
class EngineError(MullError): ...
"""


@pytest.mark.parametrize(
    ("code", "exit_"),
    [
        ("base_thing", 2),
        ("one_thing", 1),
        ("other_thing", 1),
        ("lost_thing", 1),
        ("late_thing", 3),
        ("bad_thing", 1),
    ],
)
def test_the_finder_of_codes(code: str, exit_: int) -> None:
    found = {one: int(site.exit) for site in raise_sites({"x.py": ast.parse(SAMPLE)}) for one in site.codes}
    assert found[code] == exit_

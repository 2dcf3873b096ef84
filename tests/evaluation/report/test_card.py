"""Cards: what a person and a program find in them, reading them back, and what differs when a run is repeated."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mull.errors import MullError
from mull.evaluation.report.card import card_page, card_text
from mull.evaluation.report.card_file import read_card
from mull.evaluation.report.contents import Contents
from mull.evaluation.report.repeated import Repeated, repeated
from mull.page.markdown_html import to_html
from tests.evaluation.report.samples import IDENTITY, answers, contents, hostile, run_record
from tests.evaluation.report.test_page import Report


@pytest.fixture
def card(tmp_path: Path) -> Path:
    path = tmp_path / "card.md"
    path.write_text(card_text(contents()), encoding="utf-8")
    return path


def test_people_find_results_settings_machine_and_digests(card: Path) -> None:
    text = card.read_text(encoding="utf-8")
    page = Report(f"<html>{to_html(text)}</html>")
    for words in ("4/20", "18/20", "70% to 97%", "Example CPU 3000", "8 GiB", "seed 7", "temperature 0.7"):
        assert words in page.text, words
    assert "sha256 " + "ab" * 32 in page.text
    assert "mull eval --repeat-card FILE" in page.text
    assert "/models/" not in text  # the folders of a machine are its user's own


def test_a_card_is_read_back(card: Path) -> None:
    found = read_card(card)
    assert found.run.id == run_record().id
    assert [model.name for model in found.run.models] == ["small", "large"]
    assert found.run.models[0].identity["files"] == [
        {"name": "small-Q8_0.gguf", "bytes": 1234567, "sha256": "ab" * 32}
    ]
    of = found.verdicts["large", "on"]
    assert len(of) == 20
    assert [of["logic", f"logic-{number:03}"] for number in (1, 9, 10)] == ["1", "1", "0"]


@pytest.mark.parametrize("made", [contents, hostile])
def test_any_content_is_one_block_that_is_read_back(made: Any, tmp_path: Path) -> None:
    path = tmp_path / "card.md"
    path.write_text(card_text(made()), encoding="utf-8")
    found = read_card(path)
    assert [model.name for model in found.run.models] == [model.name for model in made().run.models]
    assert len(found.verdicts) == len(made().groups)


def test_the_card_as_a_page(tmp_path: Path) -> None:
    for made in (contents(), hostile()):
        page = Report(card_page(made))
        page.check()
        assert "Repeat it" in page.text
    path = tmp_path / "card.html"
    path.write_text(card_page(contents()), encoding="utf-8")
    with pytest.raises(MullError, match="it is a page; the card is needed as Markdown"):
        read_card(path)


def _changed(card: Path, old: str, new: str) -> Path:
    text = card.read_text(encoding="utf-8")
    assert re.search(old, text)
    card.write_text(re.sub(old, new, text, count=1), encoding="utf-8")
    return card


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (r'"v": 1,\n "run"', '"v": 2,\n "run"', "card_version"),
        (r'"v": 1,\n "run"', '"v": "1",\n "run"', "invalid_card"),
        (r'"format": "mull-eval-card"', '"format": "other"', "invalid_card"),
        (r'(?s)"verdicts": \[.*\]', '"verdicts": []', "invalid_card"),
        (r'"verdicts": \[', '"verdicts": [[', "invalid_card"),
        (r'"verdicts": \[', '"verdicts": [7, ', "invalid_card"),
        (r'"seed": 7', '"seed": "x"', "invalid_card"),
        (r'\["1100000000"\]', '["11000"]', "invalid_card"),
        (r'\["1100000000"\]', '["110000000x"]', "invalid_card"),
        (r'"questions": \{', '"questionz": {', "invalid_card"),
        ("(?s)## Data.*", "", "invalid_card"),
        ("(?s)```json\n.*", "```json\n" + "[" * 100_000 + "\n```\n", "invalid_card"),
    ],
)
def test_a_broken_card_is_one_sentence_and_a_hint(card: Path, old: str, new: str, code: str) -> None:
    with pytest.raises(MullError) as found:
        read_card(_changed(card, old, new))
    assert found.value.code == code
    assert found.value.message.endswith(".")
    assert found.value.hint


def test_a_card_that_was_saved_with_other_line_ends_is_read(card: Path) -> None:
    card.write_bytes(card.read_bytes().replace(b"\n", b"\r\n"))
    assert read_card(card).run.seed == 7


def test_a_missing_card_is_named(tmp_path: Path) -> None:
    with pytest.raises(MullError, match=r"none\.md cannot be read") as found:
        read_card(tmp_path / "none.md")
    assert found.value.code == "file_unreadable"


def again(card: Path, **changes: Any) -> Repeated:
    """The card against the same run with other facts."""
    found = changes.pop("answers", answers())
    return repeated(read_card(card), Contents.of(replace(run_record(), **changes), found))


def test_the_same_run_differs_in_nothing(card: Path) -> None:
    found = again(card)
    assert found.differences == []
    assert found.missing == []
    assert [one.changed for one in found.changes] == [0] * 4
    assert [one.now for one in found.changes] == [(4, 20), (8, 20), (10, 20), (18, 20)]


def test_what_differs_is_named(card: Path) -> None:
    other = {**IDENTITY, "files": [{"path": "/x/small-Q8_0.gguf", "bytes": 9, "sha256": "cd" * 32}]}
    without = {**IDENTITY, "files": []}
    first, second = run_record().models
    found = again(
        card,
        models=[replace(first, identity=other), replace(second, identity=without)],
        versions={**run_record().versions, "mull": "9.9"},
        machine={**run_record().machine, "cores": 64},
        suites={**run_record().suites, "logic": "f" * 64},
        seed=8,
    )
    lines = [str(one) for one in found.differences]
    assert lines[0] == f"file of small: sha256 {'ab' * 32}; now sha256 {'cd' * 32}"
    assert lines[1] == "files of large: 1; now 0"
    assert lines[2] == f"questions of logic: {'2' * 64}; now {'f' * 64}"
    assert lines[3:] == ["version of mull: 0.1.0; now 9.9", "machine, cores: 2; now 64", "seed: 7; now 8"]


def test_a_model_without_a_digest_on_the_card_is_not_taken_for_the_same(tmp_path: Path) -> None:
    first, second = run_record().models
    unknown = [
        replace(first, identity={}),
        replace(second, identity={"files": [{"path": "x", "bytes": 1234567}]}),
    ]
    path = tmp_path / "card.md"
    path.write_text(
        card_text(Contents.of(replace(run_record(), models=unknown), answers())), encoding="utf-8"
    )
    lines = [str(one) for one in again(path).differences]
    assert lines == [
        "files of small: not on the card; now 1 on this disk",
        f"digest of large: bytes 1234567; now sha256 {'ab' * 32}",
    ]


def test_changed_verdicts_are_named(card: Path) -> None:
    found = answers()
    turned = {("small", "off", "logic-001"): False, ("small", "off", "logic-010"): True}
    found = [replace(one, right=turned.get((one.model, one.mode, one.id), one.right)) for one in found]
    unclear = next(one for one in found if (one.model, one.mode, one.id) == ("large", "on", "logic-010"))
    found[found.index(unclear)] = replace(unclear, right=None)
    changes = {(one.model, one.mode): one for one in again(card, answers=found).changes}
    small, large = changes["small", "off"], changes["large", "on"]
    assert (small.gained, small.lost, small.other) == (["logic-010"], ["logic-001"], [])
    assert (small.then, small.now) == ((4, 20), (4, 20))
    assert (large.gained, large.lost, large.other) == ([], [], ["logic-010"])
    assert (large.then, large.now) == ((18, 20), (18, 19))


def test_a_model_that_was_not_asked_again_is_named(card: Path) -> None:
    found = again(card, answers=[one for one in answers() if one.model == "small"])
    assert found.missing == ["large, off", "large, on"]
    assert len(found.changes) == 2


def test_the_block_is_compact_and_ascii(card: Path) -> None:
    text = card.read_text(encoding="utf-8")
    block = text[text.index("```json\n") + 8 : text.rindex("\n```")]
    assert block.isascii()
    assert json.loads(block)["results"][3]["right"] == 18
    assert len(block.splitlines()) < 200

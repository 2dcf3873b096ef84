"""docs/reasoning.md agrees with its data, and the data with the published templates, where these are present."""

from __future__ import annotations

from pathlib import Path

import pytest

from docgen import families
from tests.reasoning import templates as t
from tests.reasoning.corpus import REASONING, needed


def test_the_page_is_not_stale(capsys: pytest.CaptureFixture[str]) -> None:
    assert families.main(["--check"]) == 0
    assert capsys.readouterr().out == ""


def test_a_stale_page_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "reasoning.md"
    page.write_text("old", encoding="utf-8")
    monkeypatch.setattr(families, "PAGE", page)
    assert families.main(["--check"]) == 1
    assert families.main([]) == 0
    assert families.main(["--check"]) == 0


@needed
def test_the_data_agrees_with_the_templates() -> None:
    rows = {row["family"]: row for row in families.load()}
    measured, unknown = families.measure([REASONING / "templates"])
    assert not unknown
    for row in measured:
        assert rows[row["family"]] == row


def test_every_row_has_a_version_and_a_way_to_switch_off() -> None:
    for row in families.load():
        assert row["since"]
        assert row["off"] in ("template", "text", "prefill", "cannot")


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for templates; what is measured goes to copies of the data and the page, not to docs/."""
    for name in ("DATA", "PAGE"):
        path = tmp_path / getattr(families, name).name
        path.write_bytes(getattr(families, name).read_bytes())
        monkeypatch.setattr(families, name, path)
    (tmp_path / "templates").mkdir()
    return tmp_path / "templates"


def test_measuring_adds_and_replaces_rows_and_loses_none(
    copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(families.FAMILIES, "Muser-1", "Muser")
    monkeypatch.setattr(families, "__version__", "9.9.9")
    before = {row["family"]: row for row in families.load()}
    # A new family in two versions, a known one whose template has changed, and one that no entry of FAMILIES matches.
    for name in ("Muser-1.0", "Muser-1.5", "Apertus-8B", "Unheard-of-7B"):
        (copied / f"{name}.jinja").write_text(t.OPENED, encoding="utf-8")

    assert families.main(["--measure", str(copied)]) == 0

    names = [row["family"] for row in families.load()]
    assert names == sorted({*before, "Muser"}, key=str.lower)
    after = {row["family"]: row for row in families.load()}
    assert {name for name in before if after[name] != before[name]} == {"Apertus"}
    assert [(after[name]["off"], after[name]["since"]) for name in ("Muser", "Apertus")] == [
        ("template", "9.9.9"),
        ("template", before["Apertus"]["since"]),
    ]
    assert "Unheard-of-7B.jinja" in capsys.readouterr().out
    assert "| Muser |" in families.PAGE.read_text(encoding="utf-8")


def test_every_family_of_the_table_has_a_file_name_to_measure_it_by() -> None:
    assert {row["family"] for row in families.load()} == set(families.FAMILIES.values())

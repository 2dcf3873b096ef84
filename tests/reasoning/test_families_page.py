"""docs/reasoning.md agrees with its data, and the data with the published templates, where these are present."""

from __future__ import annotations

from pathlib import Path

import pytest

from docgen import families
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
    for row in families.measure([REASONING / "templates"]):
        assert rows[row["family"]] == row


def test_every_row_has_a_version_and_a_way_to_switch_off() -> None:
    for row in families.load():
        assert row["since"]
        assert row["off"] in ("template", "text", "prefill", "cannot")

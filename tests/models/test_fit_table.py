"""The tables in docs/models.md are up to date."""

from __future__ import annotations

from docgen import fit_table


def test_the_verdicts_in_the_docs_are_up_to_date() -> None:
    assert fit_table.page() == fit_table.PAGE.read_text(encoding="utf-8"), "run: make docs"


def test_the_usual_machines_are_in_a_table() -> None:
    names = [name for machines in fit_table.TABLES.values() for name in machines]
    assert {"8", "16", "32", "64", "Apple 16", "Apple 64"} <= set(names)
    assert {name.partition(" + ")[2] for name in names} >= {"8", "12", "24"}

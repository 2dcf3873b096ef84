"""The model card shows published facts, marks inferred ones, and has a value for every label."""

from __future__ import annotations

import json

import pytest

from mull.models.card import as_json, pairs
from mull.models.catalogue.catalogue import load_catalogue
from mull.models.catalogue.entry import CatalogueEntry
from mull.models.catalogue.estimate import from_entry
from mull.models.catalogue.recommend import offer
from mull.models.inventory import InventoryItem
from mull.models.memory.fit import plan
from mull.models.memory.layout import MemoryLayout
from mull.models.memory.machine import GIB, Machine

CATALOGUE = load_catalogue(None)
MACHINE = Machine(16 * GIB, 13 * GIB)


def row_of(entry: CatalogueEntry) -> InventoryItem:
    found = offer(entry, MACHINE)
    return InventoryItem(entry.name, entry, file=found.file, plan=found.plan)


def card(name: str, thinking: str | None = None) -> dict[str, list[str]]:
    """Values by label; the lines without one belong to the label above."""
    entry = CATALOGUE.find(name)
    assert entry is not None
    layout = from_entry(entry, entry.file())
    values: dict[str, list[str]] = {}
    label = ""
    for name_, value in pairs(row_of(entry), layout, plan(layout, MACHINE) if layout else None, thinking):
        label = name_ or label
        values.setdefault(label, []).append(value)
    return {label: [value for value in lines if value] for label, lines in values.items()}


@pytest.mark.parametrize("entry", CATALOGUE.entries, ids=lambda entry: entry.name)
def test_every_card_is_complete_and_its_json_can_be_written(entry: CatalogueEntry) -> None:
    layout: MemoryLayout | None = from_entry(entry, entry.file())
    rows = pairs(row_of(entry), layout, plan(layout, MACHINE) if layout else None)
    assert all(value for label, value in rows if label)
    assert {"Name", "Made by", "Licence", "Thinking", "Published", "Safety", "Memory"} <= {
        label for label, _ in rows
    }
    assert not any("None" in value for _, value in rows)
    value = json.loads(json.dumps(as_json(row_of(entry), layout, None)))
    assert value["name"] == entry.name


def test_the_licence_lists_its_conditions() -> None:
    assert card("llama-3.1-8b")["Licence"] == ["LicenseRef-llama3.1 (with conditions)"]
    assert "700 million" in card("llama-3.1-8b")["Conditions"][0]


def test_scores_name_the_setting_they_were_measured_in() -> None:
    shown = card("qwen3-32b")["Published"]
    assert len(shown) == 2
    assert shown[0].endswith("(thinking; read second-hand)")
    assert shown[1].endswith("(non-thinking; read second-hand)")


def test_unpublished_facts_are_shown_as_unknown() -> None:
    assert card("qwen3-4b")["Published"] == ["no benchmark found"]
    assert card("qwen3-4b")["Safety"] == ["no statement found"]


def test_inferred_facts_are_named() -> None:
    assert card("qwen3-4b")["Inferred"] == ["parameters"]
    assert "Inferred" not in card("gpt-oss-20b")


def test_rounded_sizes_are_marked() -> None:
    assert any(line.startswith("Q5_K_M: about") for line in card("qwen3-8b")["Files"])
    assert any("default" in line and "about" not in line for line in card("qwen3-8b")["Files"])


def test_memory_is_shown_at_several_contexts_up_to_the_trained_one() -> None:
    lines = card("gpt-oss-20b")["Memory"]
    assert [line.partition(" at ")[2] for line in lines] == [
        f"{ctx} tokens of context" for ctx in ("4,096", "16,384", "65,536", "131,072")
    ]
    assert len(card("gpt2")["Memory"]) == 1


def test_the_verdict_for_this_machine_has_reasons() -> None:
    lines = card("gpt-oss-120b")["This machine"]
    assert lines[0] == "does not fit"
    assert lines[1].startswith("needs 6")


def test_the_template_of_an_installed_file_has_its_own_line() -> None:
    assert card("qwen3-8b", "can be switched by enable_thinking")["Its template"] == [
        "can be switched by enable_thinking"
    ]
    assert "Its template" not in card("qwen3-8b")

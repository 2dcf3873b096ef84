"""models.toml is valid; the user's own file adds to it or overrides it; mistakes are reported."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mull.fs.json_cache import forget_memory
from mull.models.catalogue.catalogue import (
    Catalogue,
    CatalogueEntry,
    CatalogueError,
    bundled_path,
    check,
    load_catalogue,
    parse_text,
)
from mull.models.catalogue.parsed import parsed_once
from mull.settings import Sampling

WANTED = """
    pebble gpt-oss-20b gpt-oss-120b gpt2 gpt2-medium gpt2-large gpt2-xl llama-3.1-8b gemma-3-4b gemma-3n-e4b
    gemma-4-e4b deepseek-r1-distill-qwen-7b qwen3-8b qwen3.5-9b qwen3.6-35b-a3b qwen3.8-27b qwq-32b phi-4
    ministral-3-3b magistral-small smollm3-3b granite-4.2-8b lfm2.5-8b-a1b glm-4.7-flash nemotron-3-nano-4b
    smollm2-135m seed-oss-36b minicpm5-1b deepseek-v3.2 kimi-k3 llama-4-scout
"""

ENTRY = """
[[model]]
name = "{name}"
made_by = "Somebody"
licence = {{ spdx = "MIT", permissive = true }}
reasoning = {{ kind = "none" }}
{more}
"""


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(None)


@pytest.fixture
def with_own(tmp_path: Path) -> Callable[[str], Catalogue]:
    """Load the catalogue with this text as the user's models.toml."""

    def load(text: str) -> Catalogue:
        (tmp_path / "models.toml").write_text(text, encoding="utf-8")
        return load_catalogue(tmp_path)

    return load


def entry(name: str = "mine", more: str = "") -> str:
    return ENTRY.format(name=name, more=more)


def test_the_bundled_one_has_no_mistake() -> None:
    tables, date = parse_text(bundled_path().read_text(encoding="utf-8"), "models.toml")
    check(tables, "models.toml")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", date)


def test_it_lists_the_models_a_desktop_user_wants(catalogue: Catalogue) -> None:
    assert [name for name in WANTED.split() if catalogue.find(name) is None] == []
    assert len(catalogue.entries) >= 40


def test_every_entry_has_a_size_and_a_file_or_a_reason_why_not(catalogue: Catalogue) -> None:
    for one in catalogue.entries:
        assert one.card.startswith("https://") or one.builtin, one.name
        assert one.file() or one.too_large, one.name
        assert one.repo is None or re.fullmatch(r"[\w.-]+/[\w.-]+", one.repo), one.name
        assert one.repo or one.builtin or one.too_large, one.name
        assert one.licence.permissive or one.licence.asks, f"{one.name}: what does its licence ask?"


def test_sizes_parameters_and_revisions_are_plausible(catalogue: Catalogue) -> None:
    for one in catalogue.entries:
        assert one.active is None or (one.total or 0) > one.active, one.name
        for file in one.files:
            assert file.bytes, (one.name, file.quant)
            if one.total and not one.builtin:
                assert 0.2 < file.bytes / (one.total * 1e9) < 2.3, (one.name, file.quant)
        for revision in {one.revision, *(file.revision for file in one.files)} - {None}:
            assert re.fullmatch(r"[0-9a-f]{40}|main", revision or ""), one.name


def test_thinking_models_have_the_vendors_sampling_for_thinking(catalogue: Catalogue) -> None:
    silent = [
        one.name
        for one in catalogue.entries
        if one.reasoning.kind == "always" and one.sampling_thinking is None and not one.too_large
    ]
    assert silent == []
    qwen = catalogue.find("qwen3-8b")
    assert qwen is not None
    assert qwen.sampling_thinking == Sampling(temperature=0.6, top_p=0.95, top_k=20, min_p=0.0)
    assert qwen.sampling_plain == Sampling(temperature=0.7, top_p=0.8, top_k=20, min_p=0.0)


def test_every_entry_names_its_sources_in_a_comment() -> None:
    text = bundled_path().read_text(encoding="utf-8")
    blocks = text.split("[[model]]")[:-1]
    assert all("# Sources: " in block.rsplit("\n\n", 1)[-1] for block in blocks)


def test_names_and_aliases_are_found_in_any_case(catalogue: Catalogue) -> None:
    by_alias = catalogue.find(" GPT-OSS ")
    assert by_alias is not None
    assert by_alias.name == "gpt-oss-20b"
    assert catalogue.find("no-such-model") is None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("gtp-oss-20b", "gpt-oss-20b"),
        ("qwen3:8b", "qwen3-8b"),
        ("gemma4-12b", "gemma-4-12b"),
        ("smollm", "smollm3-3b"),
    ],
)
def test_a_misspelt_name_suggests_the_right_one(catalogue: Catalogue, typed: str, meant: str) -> None:
    assert meant in catalogue.nearest(typed)


def test_nonsense_suggests_nothing(catalogue: Catalogue) -> None:
    assert catalogue.nearest("xyzzyplugh") == []


def test_the_users_own_entry_is_added(with_own: Callable[[str], Catalogue]) -> None:
    more = 'repo = "me/mine"\ndefault = "Q4_0"\nfiles = [{ quant = "Q4_0", name = "mine.gguf", gb = 1.5 }]'
    mine = with_own(entry(more=more)).find("mine")
    assert mine is not None
    file = mine.file("q4_0")
    assert file is not None
    assert (file.filenames, file.bytes, file.approximate) == (("mine.gguf",), 1_500_000_000, True)


def test_an_override_changes_one_field_and_nothing_else(
    with_own: Callable[[str], Catalogue], catalogue: Catalogue
) -> None:
    changed = with_own('[[model]]\nname = "qwen3-8b"\nsampling = { thinking = { temperature = 1.0 } }')
    before, after = catalogue.find("qwen3-8b"), changed.find("qwen3-8b")
    assert before is not None
    assert after is not None
    assert after.sampling_thinking == Sampling(temperature=1.0)
    assert after.sampling_plain == before.sampling_plain
    assert (after.repo, after.files, after.benchmarks) == (before.repo, before.files, before.benchmarks)
    assert [one.name for one in changed.entries] == [one.name for one in catalogue.entries]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[model]", "line 1"),
        ("[[model]]\nname = 3", "'name' has to be text"),
        ('[[model]]\nname = "x"', "'made_by' is missing"),
        (entry(more="colour = 'red'"), "unknown key 'colour'"),
        (entry(more='context = "long"'), "'context' has to be a whole number"),
        (entry(more="context = true"), "'context' has to be a whole number"),
        (entry(more="sampling = { thinking = { temprature = 1 } }"), "unknown key 'temprature'"),
        (entry(more='default = "Q4_0"'), "'default'"),
        (entry(name="Has Blanks"), "is not a valid name"),
        (entry(name="a/b"), "is not a valid name"),
        (entry() + entry(), "is used twice"),
        (entry(more='aliases = ["mine"]'), "is used twice"),
        (entry(more='default = "Q"\nfiles = [{ quant = "Q", name = "../../etc/x.gguf" }]'), "may not leave"),
        (entry(more='default = "Q"\nfiles = [{ quant = "Q", name = "/etc/x.gguf" }]'), "may not leave"),
        (entry(more='default = "Q"\nfiles = [{ quant = "Q", name = "a", sha256 = "12" }]'), "'sha256'"),
        (entry(more='benchmarks = [{ at = "thinking", scores = {} }]'), "'scores'"),
        (entry(more="shape = { layers = 2, kv = [{ layers = 3, heads = 1, head_dim = 1 }] }"), "more layers"),
        (entry().replace('"none"', '"sometimes"'), "'kind' is one of"),
        ("format = 99", "its format is 99"),
        ("models = []", "unknown key 'models'"),
        ("model = 3", "list of tables"),
    ],
)
def test_a_mistake_in_the_users_file_is_named_with_its_place(
    with_own: Callable[[str], Catalogue], tmp_path: Path, text: str, says: str
) -> None:
    with pytest.raises(CatalogueError) as caught:
        with_own(text)
    assert says in caught.value.message
    assert str(tmp_path / "models.toml") in caught.value.message


def test_a_binary_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "models.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CatalogueError, match="cannot be read"):
        load_catalogue(tmp_path)


def test_a_newer_fetched_catalogue_replaces_the_bundled_one(tmp_path: Path) -> None:
    (tmp_path / "catalogue.toml").write_text('updated = "2999-01-01"\n' + entry("future"))
    assert [one.name for one in load_catalogue(tmp_path).entries] == ["future"]


def test_an_older_fetched_catalogue_is_not_used(tmp_path: Path, catalogue: Catalogue) -> None:
    (tmp_path / "catalogue.toml").write_text('updated = "2001-01-01"\n' + entry("past"))
    assert load_catalogue(tmp_path).entries == catalogue.entries


def test_a_damaged_fetched_catalogue_is_ignored_with_a_notice(tmp_path: Path, catalogue: Catalogue) -> None:
    (tmp_path / "catalogue.toml").write_text('updated = "2999-01-01"\n[[model]]\n')
    loaded = load_catalogue(tmp_path)
    assert loaded.entries == catalogue.entries
    assert "is ignored" in loaded.notices[0]


def test_a_split_file_keeps_its_parts_in_order(with_own: Callable[[str], Catalogue]) -> None:
    more = 'default = "Q"\nfiles = [{ quant = "Q", names = ["a-1.gguf", "a-2.gguf"], bytes = 10 }]'
    mine: CatalogueEntry | None = with_own(entry(more=more)).find("mine")
    assert mine is not None
    assert mine.files[0].filenames == ("a-1.gguf", "a-2.gguf")
    assert not mine.files[0].approximate


FAMILIES = {
    "gpt-oss-20b": "gpt-oss",
    "muse-glimmer-30b": "Muse Glimmer",
    "gemma-4-12b": "Gemma 4",
    "deepseek-r1-distill-qwen-7b": "DeepSeek R1 distilled",
    "qwen3-8b": "Qwen3",
    "qwen3-4b-thinking-2507": "Qwen3 Thinking 2507",
    "qwen3.5-9b": "Qwen 3.5",
    "qwen3.6-35b-a3b": "Qwen 3.6",
    "qwen3.8-27b": "Qwen 3.8",
    "phi-4-reasoning-plus": "Phi 4 reasoning",
    "ministral-3-8b-reasoning": "Ministral 3 Reasoning",
    "smollm3-3b": "SmolLM3",
    "lfm2.5-8b-a1b": "LFM2.5",
    "minicpm5-1b": "MiniCPM5",
    "nemotron-3-nano-4b": "Nemotron 3",
    "glm-4.7-flash": "GLM 4.7",
    "seed-oss-36b": "Seed-OSS",
    "deepseek-v3.2": "DeepSeek V3.2",
    "deepseek-v4-flash": "DeepSeek V4 Flash",
    "kimi-k3": "Kimi K3",
}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_catalogue_and_the_published_template_agree_on_reasoning(name: str, catalogue: Catalogue) -> None:
    """Compared with the profiles of the published chat templates."""
    page = Path(__file__).parents[2] / "docs" / "families.json"
    measured = {row["family"]: row for row in json.loads(page.read_text(encoding="utf-8"))}[FAMILIES[name]]
    entry = catalogue.find(name)
    assert entry is not None
    kind = "always" if measured["kind"] == "effort" else measured["kind"]
    assert entry.reasoning.kind == kind
    if kind == "switchable" and measured["default"] != "none":
        assert entry.reasoning.default == measured["default"]


def test_the_bundled_catalogue_is_parsed_once_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MULL_STATE_DIR", str(tmp_path / "state"))
    file, parses = tmp_path / "models.toml", []

    def parse(path: Path) -> tuple[list[dict[str, object]], str]:
        parses.append(path)
        return [{"name": path.read_text()}], "2026-01-01"

    file.write_text("one")
    for _ in range(2):
        assert parsed_once(file, parse) == ([{"name": "one"}], "2026-01-01")
        forget_memory()
    assert len(parses) == 1
    file.write_text("another")
    assert parsed_once(file, parse)[0] == [{"name": "another"}]
    (tmp_path / "state" / "catalogue.json").write_text("[")
    forget_memory()
    assert parsed_once(file, parse)[0] == [{"name": "another"}]
    assert len(parses) == 3

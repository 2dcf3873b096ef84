"""Whether a model was changed is read from header, README and names, and each fact names its source."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import pytest

from mull.models.catalogue.catalogue import load_catalogue
from mull.models.provenance import licences
from mull.models.provenance.detect import Known, provenance
from mull.models.provenance.hub_card import HubCard, read_hub_card
from mull.models.provenance.names import same_model
from mull.models.provenance.values import Provenance
from tests.conftest import Run
from tests.model_files.faults import write_changed
from tests.models.test_remote_header import write_model

ENTRIES = load_catalogue(None).entries


def found(
    header: dict[str, Any] | None = None, file: str = "model-Q4_K_M.gguf", repo: str = "", readme: str = ""
) -> Provenance | None:
    card = read_hub_card(f"---\n{readme}\n---\n# A card\n") if readme else HubCard()
    return provenance(Known(header or {}, file, repo, card), ENTRIES)


def base(name: str, owner: str, number: int = 0) -> dict[str, str]:
    key = f"general.base_model.{number}"
    return {
        f"{key}.name": name.replace("-", " "),
        f"{key}.organization": owner,
        f"{key}.repo_url": f"https://huggingface.co/{owner}/{name}",
    }


ABLITERATED = {"general.name": "Qwen3 8B Abliterated", **base("Qwen3-8B", "Qwen")}


def test_an_abliterated_model_quantized_by_another() -> None:
    """The repository names the model that was quantized, the header the base of that one."""
    shown = found(
        ABLITERATED,
        "Qwen3-8B-abliterated.Q4_K_M.gguf",
        "quantizer/Qwen3-8B-abliterated-GGUF",
        "base_model: changer/Qwen3-8B-abliterated\nbase_model_relation: quantized\ntags: [abliterated, uncensored]",
    )
    assert shown is not None
    assert [(one.kind, one.source) for one in shown.changes] == [("abliterated", "header")]
    assert shown.by is not None
    assert (shown.by.name, shown.by.source) == ("changer", "repository")
    (one,) = shown.bases
    assert (one.repo, one.source, one.entry, one.exact) == ("Qwen/Qwen3-8B", "header", "qwen3-8b", True)
    assert shown.licence is not None
    assert (shown.licence.licence, shown.licence.source) == ("Apache-2.0", "catalogue")


def test_a_lone_file_is_known_by_its_name() -> None:
    shown = found(file="Llama-3.1-8B-Instruct-Uncensored-Q8_0.gguf")
    assert shown is not None
    assert [(one.kind, one.source) for one in shown.changes] == [("abliterated", "name")]
    assert shown.by is None
    assert [(one.entry, one.source) for one in shown.bases] == [("llama-3.1-8b", "name")]
    assert shown.licence is not None
    assert any('begins with "Llama"' in term for term in shown.licence.conditions)
    assert "red teaming" in shown.statement


def test_a_merge_lists_all_its_bases() -> None:
    shown = found(
        {"general.name": "Odd Blend 8B"},
        repo="mixer/Odd-Blend-8B-GGUF",
        readme="tags:\n- mergekit\n- merge\nbase_model:\n- Qwen/Qwen3-8B\n- other/Qwen3-8B-Stories\nlicense: mit",
    )
    assert shown is not None
    assert [(one.kind, one.evidence) for one in shown.changes] == [("merged", "tag mergekit")]
    assert [one.repo for one in shown.bases] == ["Qwen/Qwen3-8B", "other/Qwen3-8B-Stories"]
    assert shown.by is not None
    assert shown.by.name == "mixer"
    assert shown.own_licence == "mit"
    assert shown.licence is not None
    assert shown.licence.licence == "Apache-2.0"


def test_several_bases_in_the_header_are_a_merge() -> None:
    shown = found({"general.name": "Blend", **base("Qwen3-8B", "Qwen"), **base("Qwen3-4B", "Qwen", 1)})
    assert shown is not None
    assert [one.kind for one in shown.changes] == ["merged"]


def test_a_fine_tune_is_one_whose_base_has_another_maker() -> None:
    shown = found(
        {"general.name": "Storyteller 3B", "general.author": "teller", **base("Llama-3.2-3B", "meta-llama")}
    )
    assert shown is not None
    assert [(one.kind, one.source) for one in shown.changes] == [("fine-tuned", "header")]
    assert shown.by is not None
    assert (shown.by.name, shown.by.source) == ("teller", "header")
    assert shown.licence is not None
    assert (shown.licence.licence, shown.licence.source) == ("LicenseRef-llama3.2", "catalogue")


def test_an_adapter_in_the_weights() -> None:
    shown = found(
        repo="a/Small-GGUF", readme="base_model: google/gemma-3-4b-it\nbase_model_relation: adapter"
    )
    assert shown is not None
    assert [one.kind for one in shown.changes] == ["adapter"]
    assert shown.licence is not None
    assert any("pass on" in term for term in shown.licence.conditions)


@pytest.mark.parametrize(
    ("header", "file", "repo", "readme"),
    [
        pytest.param({}, "Odd-Model-Q8_0.gguf", "", "", id="nothing known"),
        pytest.param(
            {"general.name": "Qwen3 8B", **base("Qwen3-8B", "Qwen")},
            "Qwen3-8B-UD-Q4_K_XL.gguf",
            "unsloth/Qwen3-8B-GGUF",
            "base_model: Qwen/Qwen3-8B\ntags: [unsloth]",
            id="a quantizer names the model itself",
        ),
        pytest.param(
            {"general.name": "Meta Llama 3.1 8B Instruct", **base("Llama-3.1-8B", "meta-llama")},
            "Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf",
            "",
            "",
            id="the maker's own training",
        ),
        pytest.param(
            {
                "general.name": "Falcon H1 Tools",
                "general.organization": "Tii Uae",
                **base("Falcon-H1", "tii-uae"),
            },
            "f.gguf",
            "",
            "",
            id="a further model of the same maker",
        ),
        pytest.param({}, "lorax-7b-Q4_0.gguf", "", "", id="a word that only contains one"),
        pytest.param(
            {}, "m.gguf", "o/m", "base_model: 3\ntags: {a: b}\nbase_model_relation: [x]", id="odd values"
        ),
        pytest.param({}, "m.gguf", "o/m", "a: &a [*a]\nbase_model: *a\ntags: *a", id="a list in itself"),
        pytest.param({}, "m.gguf", "o/m", "tags: [merge", id="broken front matter"),
        pytest.param(
            {"general.tags": 7, "general.name": 3, "general.base_model.0.name": b"x"}, "m", "", "", id="types"
        ),
    ],
)
def test_what_is_not_said_is_not_claimed(header: dict[str, Any], file: str, repo: str, readme: str) -> None:
    assert found(header, file, repo, readme) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Qwen3 8B", "Qwen3-8B-Q4_K_M.gguf", True),
        ("Qwen3-8B-Base", "qwen3_8b", True),
        ("Meta-Llama-3.1-8B-Instruct", "Llama 3.1 8B", True),
        ("Josiefied-Qwen3-8B", "Qwen3-8B", False),
        ("Qwen3-8B", "Qwen3-4B", False),
        ("", "Qwen3-8B", False),
        ("instruct", "it", False),
    ],
)
def test_names_of_one_model(one: str, other: str, same: bool) -> None:
    assert same_model(one, other) is same


def test_another_model_of_the_same_series_is_not_the_base() -> None:
    """phi-4 is in the catalogue, and phi-4-mini another model."""
    shown = found(file="phi-4-mini-abliterated-Q4_K_M.gguf")
    assert shown is not None
    assert shown.bases == ()


@pytest.mark.parametrize(
    ("name", "licence"),
    [
        ("Meta-Llama-3-8B-Instruct", "llama3"),
        ("Llama-3.2-1B", "llama3.2"),
        ("Llama-2-7b-chat", "llama2"),
        ("gemma-2-9b-it", "gemma"),
        ("gemma-4-9b-it", ""),
        ("tinyllama-1.1b", ""),
        ("Llama-3.5-9B", ""),
    ],
)
def test_licences_of_families(name: str, licence: str) -> None:
    assert licences.licence_of_family(name) == licence


def test_llama_licences_differ_in_the_name_that_they_ask_for() -> None:
    three, later = licences.conditions("llama3"), licences.conditions("LicenseRef-llama3.3")
    assert '"Llama 3"' in three[0]
    assert '"Llama"' in later[0]
    assert not any("begins" in term for term in licences.conditions("llama2"))
    assert licences.conditions("unheard-of") == ()
    both = licences.conditions("MIT AND LicenseRef-llama3.1")
    assert set(licences.conditions("MIT")) | set(later) == set(both)


def test_front_matter_ends_and_is_short() -> None:
    assert read_hub_card("---\nlicense: mit\n") == HubCard()
    assert read_hub_card("# A card\n---\nlicense: mit\n---\n") == HubCard()
    assert read_hub_card("---\nlicense: mit\nx: " + "y" * 100_000 + "\n---\n") == HubCard()
    assert read_hub_card("---\r\nlicense: other\r\nlicense_name: lfm1.0\r\n---\r\n").licence == "lfm1.0"


@pytest.mark.parametrize(
    "matter",
    [
        "[" * 30_000,
        "{" * 30_000,
        "- " * 15_000,
        "? " * 15_000,
        "a: [" * 300,
        "&a [" * 300,
        "[[a," * 190,
        "a:\n" * 5_000,
        "".join(f"{' ' * depth}a:\n" for depth in range(240)),
    ],
)
def test_front_matter_that_is_deep_costs_little(matter: str) -> None:
    assert read_hub_card(f"---\n{matter}\n---\n").base_models == ()


Put = Callable[..., None]


@pytest.fixture
def put(home: dict[str, str], tmp_path: Path) -> Put:
    """A function that puts a model with a header and a README into the Hugging Face cache."""

    def place(repo: str, filename: str, header: dict[str, str], readme: str = "") -> None:
        folder = Path(home["HF_HOME"]) / "hub" / f"models--{repo.replace('/', '--')}"
        snapshot = folder / "snapshots" / ("0" * 40)
        snapshot.mkdir(parents=True)
        text = gguf.GGUFValueType.STRING
        changes = {key: (text, value) for key, value in header.items()}
        write_changed(write_model(tmp_path / "built.gguf", 50), snapshot / filename, changes)
        if readme:
            (snapshot / "README.md").write_text(f"---\n{readme}\n---\n\n# A card\n")

    return place


def test_show_says_how_a_model_was_changed_and_what_follows(mull: Run, put: Put) -> None:
    repo = "changer/Qwen3-8B-abliterated-GGUF"
    put(repo, "Qwen3-8B-abliterated-Q4_K_M.gguf", ABLITERATED)
    done = mull("show", f"{repo}:Q4_K_M")
    assert done.returncode == 0, done.stderr
    rows = dict(line.partition("\t")[::2] for line in done.stdout.decode().splitlines())
    assert rows["Modified"].startswith("abliterated or uncensored")
    assert "says its header: Qwen3 8B Abliterated" in rows["Modified"]
    assert rows["Base"] == "Qwen/Qwen3-8B (says its header; in the catalogue: qwen3-8b)"
    assert rows["Base's licence"] == "Apache-2.0 (says the catalogue)"
    assert "would not cover this model" in rows["Base's safety"]
    value = json.loads(mull("show", f"{repo}:Q4_K_M", "--json").stdout)["modified"]
    assert [one["kind"] for one in value["changes"]] == ["abliterated"]
    assert value["statement_covers"] is False
    assert value["base_licence"]["conditions"]


def test_show_of_an_unchanged_model_says_that_this_proves_nothing(mull: Run, put: Put) -> None:
    put("o/Odd-GGUF", "Odd-Q8_0.gguf", {}, "license: mit")
    assert b"Modified\tnothing says so, which proves nothing" in mull("show", "o/Odd-GGUF").stdout
    assert json.loads(mull("show", "o/Odd-GGUF", "--json").stdout)["modified"] is None
    assert b"Modified" not in mull("show", "pebble").stdout


def test_an_adapter_of_the_config_changes_a_model_of_the_catalogue(mull: Run, home: dict[str, str]) -> None:
    config = Path(home["MULL_CONFIG_DIR"]) / "config.toml"
    config.write_text('threads = 1\n[models."llama-3.1-8b"]\nlora = ["own.gguf"]\n')
    value = json.loads(mull("show", "llama-3.1-8b", "--json").stdout)["modified"]
    assert [(one["kind"], one["source"]) for one in value["changes"]] == [("adapter", "config")]
    assert "red teaming" in value["base_statement"]


def test_escape_sequences_in_a_header_do_not_reach_the_output(mull: Run, put: Put) -> None:
    put(
        "o/Odd-GGUF",
        "Odd-Q8_0.gguf",
        {"general.name": "Merged \x1b[31mred\x07", "general.author": "a\x1b]0;x"},
    )
    done = mull("show", "o/Odd-GGUF", "--color", "always")
    assert done.returncode in {0, 2}
    shown = mull("show", "o/Odd-GGUF").stdout
    assert b"Modified by\ta" in shown
    assert b"\x1b" not in shown

"""`mull models`, `mull list` and `mull show` in a script; the Hub is a local test server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run
from tests.models.hub_server import Hub, serve
from tests.models.test_remote_header import write_model

Place = Callable[[str, str], Path]


@pytest.fixture
def place(home: dict[str, str], tmp_path: Path) -> Place:
    """A function that puts a small model into the Hugging Face cache, by repository and file name."""

    def put(repo: str, filename: str) -> Path:
        folder = Path(home["HF_HOME"]) / "hub" / f"models--{repo.replace('/', '--')}"
        snapshot = folder / "snapshots" / ("0" * 40)
        snapshot.mkdir(parents=True)
        (folder / "refs").mkdir()
        (folder / "refs" / "main").write_text("0" * 40)
        write_model(tmp_path / "built.gguf", 50).rename(snapshot / filename)
        (snapshot / "README.md").write_text("---\nlicense: mit\n---\n\n# A card\n\nWritten by its maker.\n")
        return snapshot / filename

    return put


@pytest.fixture
def hub(home: dict[str, str]) -> Iterator[Hub]:
    with serve() as server:
        home["HF_ENDPOINT"] = server.url
        home["HF_HUB_OFFLINE"] = "0"
        yield server


def found(done: subprocess.CompletedProcess[bytes]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    value: dict[str, Any] = json.loads(done.stdout)
    assert value["v"] == 1
    return value


def failed(done: subprocess.CompletedProcess[bytes], says: bytes) -> None:
    assert done.returncode == 1
    assert done.stdout == b""
    assert says in done.stderr
    assert b"Traceback" not in done.stderr


def test_every_line_has_the_same_cells_and_no_decoration(mull: Run) -> None:
    done = mull("models")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().splitlines()
    assert len(lines) >= 40
    assert {line.count("\t") for line in lines} == {7}
    assert b"\x1b" not in done.stdout
    assert any(line.startswith("gpt-oss-20b\t12.1 GB\tApache-2.0 ✓\talways\t") for line in lines)


def test_the_verdict_is_in_the_json_with_its_reasons(mull: Run) -> None:
    rows = {row["name"]: row for row in found(mull("models", "--json"))["models"]}
    small, large = rows["qwen3-0.6b"], rows["kimi-k3"]
    assert small["verdict"]["kind"] in {"gpu", "partial", "memory", "slow"}
    assert small["verdict"]["context"] == 32768
    assert small["verdict"]["estimate"] is True
    assert large["verdict"]["kind"] == "no"
    assert large["verdict"]["reasons"]
    assert (small["bytes"], small["approximate"]) == (639_446_688, False)
    assert rows["deepseek-r1-distill-qwen-7b"]["approximate"] is True


def test_permissive_licences_only(mull: Run) -> None:
    names = {row["name"] for row in found(mull("models", "--licence", "permissive", "--json"))["models"]}
    assert "gpt-oss-20b" in names
    assert not names & {
        "llama-3.1-8b",
        "gemma-3-4b",
        "lfm2.5-8b-a1b",
        "deepseek-r1-distill-llama-8b",
        "kimi-k3",
    }
    mit = found(mull("models", "--license", "mit", "--json"))["models"]
    assert all("mit" in row["licence"]["spdx"].lower() for row in mit)


def test_words_filter_the_list(mull: Run) -> None:
    names = [row["name"] for row in found(mull("models", "ministral", "reasoning", "--json"))["models"]]
    assert names == ["ministral-3-8b-reasoning", "ministral-3-14b-reasoning"]


def test_no_match_suggests_the_nearest_names(mull: Run) -> None:
    done = mull("models", "gtp-oss")
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"gpt-oss-20b" in done.stderr


def test_models_in_the_hugging_face_cache_are_installed(mull: Run, place: Place) -> None:
    path = place("Qwen/Qwen3-8B-GGUF", "Qwen3-8B-Q4_K_M.gguf")
    rows = {row["name"]: row for row in found(mull("models", "--json"))["models"]}
    assert rows["qwen3-8b"]["installed"] is True
    assert rows["qwen3-8b"]["path"] == str(path)
    assert rows["qwen3-8b"]["bytes"] == path.stat().st_size
    assert rows["qwen3-4b"]["installed"] is False


def test_list_shows_installed_models_also_those_outside_the_catalogue(mull: Run, place: Place) -> None:
    place("somebody/Odd-Model-GGUF", "Odd-Model-Q8_0.gguf")
    done = mull("list")
    names = [line.split("\t")[0] for line in done.stdout.decode().splitlines()]
    assert names[0] == "pebble"
    assert [name for name in names if "Odd-Model" in name]
    assert [
        line.split("\t")[0] for line in mull("models", "--installed").stdout.decode().splitlines()
    ] == names
    odd = next(row for row in found(mull("list", "--json"))["models"] if "Odd-Model" in row["name"])
    assert odd["verdict"]["context"] == 4096, "judged by its own header"


def test_list_reports_unfinished_downloads(mull: Run, home: dict[str, str]) -> None:
    blobs = Path(home["HF_HOME"]) / "hub" / "models--somebody--Odd-Model-GGUF" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{'a' * 64}.incomplete").write_bytes(b"GGUF" * 1000)
    done = mull("list")
    assert done.stdout.startswith(b"pebble\t")
    assert b"Unfinished: somebody/Odd-Model-GGUF, 4.0 kB." in done.stderr
    value = found(mull("list", "--json"))
    assert value["unfinished"] == [{"repo": "somebody/Odd-Model-GGUF", "bytes": 4000}]
    assert b"Unfinished" not in mull("models").stderr


def test_base_models_are_marked_in_the_catalogue_and_on_the_disk(mull: Run, place: Place) -> None:
    place("somebody/Odd-Model-GGUF", "Odd-Model-Q8_0.gguf")  # without a chat template
    for _ in range(5):  # a busy machine reads some of the headers in the next call
        rows = {row["name"]: row for row in found(mull("models", "--json"))["models"]}
        odd = next(row for name, row in rows.items() if "Odd-Model" in name)
        if odd["base"]:
            break
    assert (rows["gpt2"]["base"], odd["base"]) == (True, True)
    assert (rows["qwen3-0.6b"]["base"], rows["pebble"]["base"]) == (False, False)
    lines = {line.split("\t")[0]: line for line in mull("models").stdout.decode().splitlines()}
    assert "\tfits in memory (base model)\t" in lines["gpt2-xl"]
    assert "base" not in lines["qwen3-0.6b"]


def test_best_is_one_model_with_a_reason_and_the_pull_command(mull: Run) -> None:
    value = found(mull("models", "--best", "--json"))
    assert value["pull"] == f"mull pull {value['best']['name']}"
    assert "GPQA Diamond" in value["why"]
    lines = dict(line.split("\t", 1) for line in mull("models", "--best").stdout.decode().splitlines())
    assert lines["Get it"] == f"mull pull {lines['Best here']}"
    assert lines["Why"].startswith("It has the highest GPQA Diamond score")


def test_an_invalid_user_catalogue_is_an_error_of_one_sentence(mull: Run, home: dict[str, str]) -> None:
    (Path(home["MULL_CONFIG_DIR"]) / "models.toml").write_text('[[model]]\nname = "mine"\n')
    failed(mull("models"), b"'made_by' is missing")


def test_models_works_without_a_writable_state_folder(mull: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = mull("models", "gpt2", env={"MULL_STATE_DIR": str(tmp_path / "file" / "state")})
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"gpt2\t")


def test_search_lists_repositories(mull: Run, hub: Hub) -> None:
    hub.add("maker/Some-Model-GGUF", {"a.gguf": b"x"})
    hub.add("maker/Other-GGUF", {"a.gguf": b"x"})
    done = mull("models", "search", "some", "model".upper())
    assert done.returncode == 0
    assert done.stdout == b"", "the words are searched together"
    value = found(mull("models", "search", "some-model", "--json"))
    assert [one["repo"] for one in value["found"]] == ["maker/Some-Model-GGUF"]
    assert "mull pull maker/Some-Model-GGUF" in mull("models", "search", "some-model").stderr.decode()


def test_search_sends_one_request_and_explains_a_failure(mull: Run, hub: Hub) -> None:
    hub.fault(where=r"/api/models", status=500, times=9)
    failed(mull("models", "search", "anything"), b"")
    assert len(hub.requests) == 1


def test_search_waits_where_the_hub_asks_for_it(mull: Run, hub: Hub) -> None:
    hub.add("maker/Some-Model-GGUF", {"a.gguf": b"x"})
    hub.fault(where=r"/api/models", status=429, headers={"Retry-After": "1"})
    done = mull("models", "search", "some-model")
    assert done.returncode == 0
    assert b"Trying again in 1 s." in done.stderr
    assert done.stdout.startswith(b"maker/Some-Model-GGUF")
    hub.fault(where=r"/api/models", status=429, headers={"Retry-After": "4000"})
    failed(mull("models", "search", "some-model"), b"limits the rate of requests")


def test_search_offline_names_the_setting(mull: Run, hub: Hub) -> None:
    failed(mull("models", "search", "anything", env={"HF_HUB_OFFLINE": "1"}), b"HF_HUB_OFFLINE")
    assert hub.requests == []


def test_search_without_words_is_a_usage_error(mull: Run) -> None:
    done = mull("models", "search")
    assert done.returncode == 2
    assert b"mull models search WORDS" in done.stderr


def test_lists_and_cards_need_no_network(mull: Run, hub: Hub) -> None:
    assert mull("models").returncode == 0
    assert mull("models", "--best").returncode == 0
    assert mull("show", "qwen3-8b").returncode == 0
    assert hub.requests == []


def test_refresh_reads_a_catalogue_from_a_path(mull: Run, tmp_path: Path) -> None:
    source = tmp_path / "new.toml"
    source.write_text(
        'updated = "2999-01-01"\n[[model]]\nname = "future"\nmade_by = "X"\n'
        'licence = { spdx = "MIT", permissive = true }\nreasoning = { kind = "none" }\n'
    )
    assert found(mull("models", "--refresh", source, "--json")) == {
        "v": 1,
        "models": 1,
        "updated": "2999-01-01",
    }
    assert [row["name"] for row in found(mull("models", "--json"))["models"]] == ["future"]
    failed(mull("models", "--refresh", tmp_path / "none.toml"), b"none.toml")


def test_show_prints_the_card(mull: Run) -> None:
    text = mull("show", "QwQ").stdout.decode()
    facts = dict(line.split("\t", 1) for line in text.splitlines() if line.count("\t") == 1)
    assert facts["Name"] == "qwq-32b"
    assert facts["Licence"] == "Apache-2.0 (permissive)"
    assert facts["Thinking"] == "always"
    assert facts["Installed"] == "no; get it with: mull pull qwq-32b"
    assert "temperature 0.6" in facts["Sampling, thinking"]
    assert "read second-hand" in facts["Published"]


def test_show_reads_the_header_of_an_installed_model(mull: Run, place: Place) -> None:
    path = place("somebody/Odd-Model-GGUF", "Odd-Model-Q8_0.gguf")
    name = next(row["name"] for row in found(mull("list", "--json"))["models"] if row["name"] != "pebble")
    value = found(mull("show", name, "--json"))
    assert value["path"] == str(path)
    assert list(value["memory"]) == ["4096"], "its header says 4,096 tokens"
    assert found(mull("show", path, "--json"))["name"] == name


def test_show_describes_the_chat_template_of_an_installed_model(mull: Run) -> None:
    assert "enable_thinking" in found(mull("show", "pebble", "--json"))["template_reasoning"]


def test_show_readme_omits_the_front_matter(mull: Run, place: Place) -> None:
    place("Qwen/Qwen3-8B-GGUF", "Qwen3-8B-Q4_K_M.gguf")
    assert mull("show", "qwen3-8b", "--readme").stdout.decode() == "# A card\n\nWritten by its maker.\n"
    failed(mull("show", "qwen3-4b", "--readme"), b"https://huggingface.co/Qwen/Qwen3-4B")


def test_show_finds_the_readme_above_a_subfolder_of_the_repository(
    mull: Run, home: dict[str, str], tmp_path: Path
) -> None:
    snapshot = Path(home["HF_HOME"]) / "hub" / "models--o--r-GGUF" / "snapshots" / ("0" * 40)
    (snapshot / "Q8_0").mkdir(parents=True)
    write_model(snapshot / "Q8_0" / "r-Q8_0.gguf", 50)
    (snapshot / "README.md").write_text("# Above\n")
    assert mull("show", "o/r-GGUF", "--readme").stdout == b"# Above\n"
    alone = write_model(tmp_path / "alone.gguf", 50)
    (tmp_path / "README.md").write_text("# Of something else\n")
    failed(mull("show", alone, "--readme"), b"not on this disk")


def test_show_of_an_unknown_name_suggests_the_nearest(mull: Run) -> None:
    failed(mull("show", "qwen3-9b"), b"Did you mean")


@pytest.mark.parametrize(
    ("name", "shown", "size"),
    [
        ("qwen3-8b:q8_0", "qwen3-8b:Q8_0", 8_700_000_000),
        ("Qwen/Qwen3-8B-GGUF", "qwen3-8b", 5_027_783_488),
        ("hf.co/Qwen/Qwen3-8B-GGUF:Q8_0", "qwen3-8b:Q8_0", 8_700_000_000),
        ("gpt-oss:20b", "gpt-oss-20b", 12_109_566_624),
        ("pebble:Q8_0", "pebble", None),
    ],
)
def test_show_takes_every_form_of_a_name(mull: Run, name: str, shown: str, size: int | None) -> None:
    value = found(mull("show", name, "--json"))
    assert value["name"] == shown
    assert size is None or value["bytes"] == size


def test_show_finds_an_installed_file_by_any_of_its_names(mull: Run, place: Place, tmp_path: Path) -> None:
    path = place("Qwen/Qwen3-8B-GGUF", "Qwen3-8B-Q8_0.gguf")
    for name in ("qwen3-8b", "qwen3-8b:Q8_0", "Qwen/Qwen3-8B-GGUF:Q8_0", path):
        value = found(mull("show", name, "--json"))
        assert (value["path"], value["quant"]) == (str(path), "Q8_0")
    elsewhere = write_model(tmp_path / "elsewhere.gguf", 50)
    value = found(mull("show", elsewhere, "--json"))
    assert value["header"] == {"architecture": "llama", "context": 4096, "sampling": {}}
    assert value["verdict"]["context"] == 4096


def test_show_of_a_model_that_is_not_installed_says_how_to_get_it(mull: Run) -> None:
    failed(mull("show", "owner/none:Q4_K_M"), b"mull pull owner/none:Q4_K_M")
    failed(mull("show", "qwen3-8b:Q2_K"), b"It has Q4_K_M")
    failed(mull("show", "./none.gguf"), b"There is no file")


def test_show_of_a_damaged_file_says_so(mull: Run, place: Place, tmp_path: Path) -> None:
    path = place("Qwen/Qwen3-8B-GGUF", "Qwen3-8B-Q4_K_M.gguf")
    path.write_bytes(path.read_bytes()[:300])
    done = mull("show", "qwen3-8b")
    assert done.returncode == 0
    assert b"is damaged" in done.stderr
    assert b"Apache-2.0" in done.stdout
    failed(mull("show", path.rename(tmp_path / "odd.gguf")), b"is damaged")

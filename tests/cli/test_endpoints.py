"""`mull endpoints`, `mull models --endpoint`, and what completion offers of endpoints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mull import config
from tests.conftest import Run
from tests.endpoints.dialects import read_dialect
from tests.endpoints.scripted_server import End, Reply, Server, as_json, serve


@pytest.fixture
def office() -> Iterator[Server]:
    """A vLLM server with one model, `thinker`, and a key."""
    with serve() as server:
        read_dialect("vllm", key="sk-office").play_on(server)
        yield server


@pytest.fixture
def file(home: dict[str, str]) -> Path:
    return Path(home["MULL_CONFIG_DIR"]) / "config.toml"


KEY = {"OFFICE_KEY": "sk-office"}


def test_add_list_and_remove(mull: Run, office: Server, file: Path) -> None:
    file.write_text("# mine\nseed = 3\n")
    done = mull("endpoints", "add", "office", office.url, "--key-env", "OFFICE_KEY", env=KEY)
    assert done.returncode == 0, done.stderr
    assert "office is vLLM with 1 model: thinker." in done.stderr.decode()
    assert config.load(file).endpoints["office"].url == f"{office.url}/v1"
    assert file.read_text().startswith("# mine\nseed = 3\n")
    mull("endpoints", "add", "away", "http://127.0.0.1:9")

    rows = [line.split("\t") for line in mull("endpoints", env=KEY).stdout.decode().splitlines()]
    assert rows[0] == ["office", "yes", "vLLM", "thinker", f"{office.url}/v1"]
    assert rows[1][:3] == ["away", "no", ""]
    listed = json.loads(mull("endpoints", "--json", env=KEY).stdout)
    assert [one["answers"] for one in listed["endpoints"]] == [True, False]
    assert listed["endpoints"][0]["models"] == [{"name": "thinker", "context": 512, "thinks": None}]
    assert listed["endpoints"][1]["error"]["code"] == "connection_failed"
    assert "sk-office" not in json.dumps(listed) + file.read_text()

    assert mull("endpoints", "rm", "office", "away").returncode == 0
    assert file.read_text().strip() == "# mine\nseed = 3"
    assert mull("endpoints").stdout == b""


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (["taken", "http://127.0.0.1:9"], 1, "--replace takes its place"),
        (["new", "127.0.0.1:9"], 2, "Error: The address does not begin with http://"),
        (["new", "http://me:sk-secret@127.0.0.1:9"], 2, "key_env"),
        (
            ["new", "http://127.0.0.1:9", "--key-env", "sk-secret"],
            2,
            "Error: The value of --key-env is not the name",
        ),
        (["a@b", "http://127.0.0.1:9"], 2, '"a@b" cannot be the name of an endpoint: a name has letters'),
        (["new", "http://192.0.2.7", "--key-env", "OFFICE_KEY"], 1, "insecure = true"),
        (["new", "http://127.0.0.1:9", "--timeout", "0"], 2, "--timeout"),
        (["new", "http://127.0.0.1:9", "--context", "-1"], 2, "--context"),
        (["new", "http://127.0.0.1:9", "--timeout", "9" * 20], 2, "not in the range"),
    ],
)
def test_a_wrong_endpoint_is_not_added(mull: Run, file: Path, words: list[str], code: int, hint: str) -> None:
    before = '[endpoints.taken]\nurl = "http://127.0.0.1:9/v1"\n'
    file.write_text(before)
    done = mull("endpoints", "add", *words, env=KEY)
    assert (done.returncode, done.stdout) == (code, b"")
    assert hint in done.stderr.decode()
    assert b"secret" not in done.stderr
    assert file.read_text() == before


def test_replacing_keeps_the_place_and_nothing_else(mull: Run, file: Path) -> None:
    file.write_text('[endpoints.a]\nurl = "http://127.0.0.1:9/v1"\nmodel = "old"\n\n[theme]\nbase = "dark"\n')
    done = mull("endpoints", "add", "a", "http://127.0.0.1:9/api/", "--replace", "--insecure")
    assert done.returncode == 0
    assert b"nothing listens there" in done.stderr
    found = config.load(file).endpoints["a"]
    assert (found.url, found.model, found.insecure) == ("http://127.0.0.1:9/api", None, True)
    assert file.read_text().index("[endpoints.a]") < file.read_text().index("[theme]")


def test_every_setting_can_be_given_at_once(mull: Run, file: Path) -> None:
    settings = ("--model", "m", "--context", "8192", "--timeout", "1800")
    file.write_text('[endpoints.a]\nurl = "http://127.0.0.1:9/v1"\ntimeout = 30\ncontext = 512\n')
    done = mull("endpoints", "add", "a", "http://127.0.0.1:9/v1", "--replace", "--json", *settings)
    assert done.returncode == 0, done.stderr
    found = config.load(file).endpoints["a"]
    assert (found.model, found.context, found.timeout) == ("m", 8192, 1800)
    shown = json.loads(done.stdout)["endpoint"]
    assert (shown["context"], shown["timeout"]) == (8192, 1800)


def test_v1_is_added_where_only_that_leads_to_models(mull: Run, file: Path) -> None:
    with serve() as server:
        server.on("GET", "/api/v1/models", as_json({"data": [{"id": "m", "owned_by": "x"}]}))
        assert mull("endpoints", "add", "router", f"{server.url}/api").returncode == 0
        assert config.load(file).endpoints["router"].url == f"{server.url}/api/v1"


def test_an_endpoint_that_does_not_exist_cannot_be_removed(mull: Run, file: Path) -> None:
    file.write_text('[endpoints.office]\nurl = "http://127.0.0.1:9/v1"\n')
    done = mull("endpoints", "rm", "ofice")
    assert done.returncode == 1
    assert b"Did you mean office?" in done.stderr


def test_the_models_of_an_endpoint(mull: Run, office: Server, file: Path) -> None:
    file.write_text(f'[endpoints.office]\nurl = "{office.url}/v1"\nkey_env = "OFFICE_KEY"\n')
    done = mull("models", "--endpoint", "office", env=KEY)
    assert done.stdout.decode().splitlines() == ["thinker\t512\t"]
    found = json.loads(mull("models", "--endpoint", f"{office.url}", "--json", env=KEY).stdout)
    assert [model["name"] for model in found["models"]] == ["thinker"]
    refused = mull("models", "--endpoint", "office", env={"OFFICE_KEY": "sk-other"})
    assert refused.returncode == 1
    assert b"key" in refused.stderr
    assert b"sk-other" not in refused.stderr
    assert mull("models", "--endpoint", "nope").returncode == 1
    assert mull("models", "--endpoint", "office", "--best").returncode == 2


def completed(mull: Run, word: str, env: dict[str, str]) -> list[str]:
    lines = mull("ask", "-m", word, env={"_MULL_COMPLETE": "zsh", **env}).stdout.decode().splitlines()
    return [line.partition("\t")[0] for line in lines]


def test_completion_offers_endpoints_and_their_models(mull: Run, office: Server, file: Path) -> None:
    text = f'[endpoints.office]\nurl = "{office.url}/v1"\nkey_env = "OFFICE_KEY"\n'
    file.write_text(text + '[endpoints.lab]\nurl = "http://127.0.0.1:9/v1"\n')
    assert completed(mull, "anything@", KEY) == ["anything@office", "anything@lab"]
    assert completed(mull, "@o", KEY) == ["@office"]
    assert not office.requests
    assert completed(mull, "thin", KEY) in (["thinker@office"], [])  # within 0.3 s
    mull("endpoints", env=KEY)
    office.cut_all()
    asked = len(office.requests)
    assert completed(mull, "thin", KEY) == ["thinker@office"]
    assert len(office.requests) == asked  # it was remembered


@pytest.mark.parametrize(
    ("words", "rest"),
    [(["-m", "x", "@", "of"], "office"), (["-m", "@", "of"], "@office"), (["-m", "@"], "@office")],
)
def test_bash_breaks_words_at_the_sign(mull: Run, file: Path, words: list[str], rest: str) -> None:
    """Inside a word it replaces what follows the sign, at the beginning of one the sign, too."""
    file.write_text('[endpoints.office]\nurl = "http://127.0.0.1:9/v1"\n')
    found = mull("ask", *words, env={"_MULL_COMPLETE": "bash"}).stdout.decode().splitlines()
    assert found == [rest]


def test_completion_does_not_wait_for_a_silent_endpoint(mull: Run, file: Path) -> None:
    with serve() as silent:
        silent.on("GET", "/v1/models", Reply([End.HOLD], framing="close"))
        file.write_text(f'[endpoints.silent]\nurl = "{silent.url}/v1"\n')
        assert completed(mull, "peb", {}) == ["pebble"]
        (request,) = silent.wait_for("/v1/models")
        assert request.left.wait(20)
        assert completed(mull, "@s", {}) == ["@silent"]


def test_a_hostile_server_offers_no_names_that_cannot_be_typed(mull: Run, file: Path) -> None:
    evil = ["\x1b[2Jx", "a\nb", "-rf", "x\u202ey", "good"]
    with serve() as server:
        server.on("GET", "/v1/models", as_json({"data": [{"id": name} for name in evil]}))
        file.write_text(f'[endpoints.evil]\nurl = "{server.url}/v1"\n')
        listed = mull("endpoints", "--json").stdout
        assert [model["name"] for model in json.loads(listed)["endpoints"][0]["models"]] == evil
        assert listed.isascii() or b"\x1b" not in listed
        assert completed(mull, "", {}).count("good@evil") == 1
        assert not any(
            "evil" in name and not name.startswith(("good@", "@")) for name in completed(mull, "", {})
        )


@pytest.mark.parametrize(
    "words",
    [
        ["rm", "a/b@office"],
        ["verify", "a/b@office"],
        ["pull", "a/b@office"],
        ["inspect", "a/b@office"],
        ["inspect", "@http://127.0.0.1:9"],
        ["-m", "pebble", "--draft", "a/b@office", "2 + 2"],
        ["bench", "--forget", "-m", "a/b@office"],
    ],
)
def test_what_needs_a_file_says_that_an_endpoint_has_none(mull: Run, file: Path, words: list[str]) -> None:
    file.write_text('[endpoints.office]\nurl = "http://127.0.0.1:9/v1"\n')
    done = mull(*words)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"is a model of an endpoint: there is no file of it here." in done.stderr


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("vllm", ["Server\tvLLM, ", "Context\t512 tokens", 'Off\trequest: {"chat_template_kwargs":']),
        (
            "llama_server",
            ["Thinks\tyes", "Off\ttemplate: enable_thinking=false", "ending the thinking early"],
        ),
        ("lm_studio", ["Off\tit has no way to switch thinking off; what it thinks is hidden."]),
        ("openrouter", ["Thinks\tyes", 'Effort\trequest: {"reasoning":{"effort":"low"}}']),
    ],
)
def test_show_says_what_can_be_asked_of_a_model(mull: Run, file: Path, name: str, lines: list[str]) -> None:
    with serve() as server:
        read_dialect(name).play_on(server)
        file.write_text(f'[endpoints.it]\nurl = "{server.url}/v1"\n')
        done = mull("show", "@it")
        assert done.returncode == 0
        shown = done.stdout.decode()
        assert all(line in shown for line in lines), shown
        found = json.loads(mull("show", "thinker@it", "--json").stdout)
        assert (found["model"], found["endpoint"]["name"]) == ("thinker", "it")
        assert found["reasoning"]["off"]["applied"] in {"off", "default"}


def test_show_names_a_model_that_is_not_there(mull: Run, office: Server, file: Path) -> None:
    file.write_text(f'[endpoints.office]\nurl = "{office.url}/v1"\nkey_env = "OFFICE_KEY"\n')
    done = mull("show", "tinker@office", env=KEY)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"office does not list tinker. It has thinker.\nDid you mean thinker@office?" in done.stderr
    error = json.loads(mull("show", "nope@office", "--json", env=KEY).stdout)["error"]
    assert (error["code"], "thinker" in error["message"]) == ("unknown_model", True)
    assert mull("show", "@office", env={"OFFICE_KEY": "sk-other"}).returncode == 1
    assert mull("show", "@office", "--readme", env=KEY).returncode == 1


@pytest.mark.parametrize(
    ("dialect", "listed", "name", "code"),
    [
        ("llama_server", "/models/qwen3-8b-q4_k_m.gguf", "Qwen3-8B", 0),  # it answers to any name
        ("llama_server", "/models/qwen3-8b-q4_k_m.gguf", "mistral", 1),
        ("ollama", "qwen3:latest", "qwen3", 0),
        ("ollama", "qwen3:8b", "qwen3", 1),
        ("openrouter", "a/one", "a/one:nitro", 0),
        ("vllm", "gpt-4o", "o", 1),
        ("other", "", "anything", 0),  # a server without a list
    ],
)
def test_show_takes_the_names_that_the_server_takes(
    mull: Run, file: Path, dialect: str, listed: str, name: str, code: int
) -> None:
    with serve() as server:
        read_dialect(dialect, model=listed).play_on(server)
        if not listed:
            server.on("GET", "/v1/models", as_json({"data": []}))
        file.write_text(f'[endpoints.it]\nurl = "{server.url}/v1"\n')
        done = mull("show", f"{name}@it")
        assert (done.returncode, bool(done.stdout)) == (code, code == 0)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--threads", "2", "--ctx", "512"], "--ctx and --threads say"),
        (["--vs", "threads=2"], "--vs threads=2 says"),
    ],
)
def test_bench_refuses_settings_of_loading(
    mull: Run, office: Server, file: Path, words: list[str], named: str
) -> None:
    file.write_text(f'[endpoints.office]\nurl = "{office.url}/v1"\n')
    done = mull("bench", "-m", "@office", *words)
    assert (done.returncode, done.stdout) == (2, b"")
    assert named in done.stderr.decode()
    assert not office.requests

"""Where a setting comes from: variables, a project's file, the user's file, and their tables for one model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mull import config
from mull.commands._options import TurnFlags
from mull.commands._run_config import run_config
from mull.config.environment import variable
from mull.conversation.preferences import Preferences
from mull.settings import ReasoningAsk, Sampling
from tests.conftest import Run

Home = dict[str, str]


def write(home: Home, text: str) -> None:
    (Path(home["MULL_CONFIG_DIR"]) / "config.toml").write_text("threads = 1\n" + text, encoding="utf-8")


def settings_of(done: subprocess.CompletedProcess[bytes]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    return {one["name"]: one["value"] for one in json.loads(done.stdout)["settings"]}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository; `mull` runs in its root."""
    (tmp_path / ".git").mkdir()
    return tmp_path / ".mull.toml"


SAMPLES = {"str": "text", "bool": "false", "int": "200", "float": "0.5", "list": "/a", "Duration": "5m"}


def sample(key: config.ConfigKey) -> str:
    if key.choices:
        return key.choices[-1]
    if key.name == "logit_bias":
        return "5=-inf"
    text = SAMPLES[key.kind.__name__]
    return text if key.limits is None or float(text) <= key.limits[1] else str(key.limits[1])


def test_every_setting_has_a_variable(mull: Run) -> None:
    given = {key.name: sample(key) for key in config.KEYS}
    found = settings_of(mull("config", "list", "--json", env={variable(k): v for k, v in given.items()}))
    for key in config.KEYS:
        value = config.parse(key.name, given[key.name])
        assert found[key.name] == value, key.name


@pytest.mark.parametrize("words", [["hi"], ["config", "get", "ctx"], ["config", "where", "ctx"]])
def test_a_wrong_variable_is_named(mull: Run, words: list[str]) -> None:
    done = mull(*words, env={"MULL_TOP_P": "7"})
    assert done.returncode == 2
    assert b"MULL_TOP_P expects a number from 0 to 1" in done.stderr


@pytest.mark.parametrize("words", [["--help"], ["config", "path"], ["doctor"], ["config", "set", "ctx", "9"]])
@pytest.mark.parametrize("broken", ["variable", "config", "project"])
def test_what_mends_a_broken_setting_works_with_it(
    mull: Run, home: Home, project: Path, words: list[str], broken: str
) -> None:
    if words[-1] == "9" and broken == "config":
        pytest.skip("a file that is no TOML is opened by mull config edit")
    if broken == "config":
        write(home, "ctx = [")
    elif broken == "project":
        project.write_text("ctx = [")
    assert mull(*words, env={"MULL_CTX": "x"} if broken == "variable" else {}).returncode == 0


def test_a_misspelled_variable_is_named(mull: Run) -> None:
    done = mull("config", env={"MULL_TEMPRATURE": "1", "MULL_CACHE_DIR": "/tmp/x", "MULL_DEBUG": ""})
    assert done.stderr == b"MULL_TEMPRATURE has no effect; did you mean MULL_TEMPERATURE?\n"


def test_a_blank_variable_is_not_set(mull: Run) -> None:
    assert mull("config", "get", "temperature", env={"MULL_TEMPERATURE": " "}).stdout == b""


LADDER = [
    ("flag", 7),
    ("variable", 6),
    ("project's table", 5),
    ("project", 4),
    ("user's table", 3),
    ("user", 2),
]


@pytest.mark.parametrize("from_", range(len(LADDER)))
def test_the_nearest_place_wins(mull: Run, home: Home, project: Path, thinker: Path, from_: int) -> None:
    places = {name for name, _ in LADDER[from_:]}
    text = {name: f"max_tokens = {value}\n" for name, value in LADDER}
    table = "[models.thinker]\n"
    user = text["user"] if "user" in places else ""
    user += table + text["user's table"] if "user's table" in places else ""
    write(home, user)
    own = text["project"] if "project" in places else ""
    own += table + text["project's table"] if "project's table" in places else ""
    project.write_text(own)
    env = {"MULL_MAX_TOKENS": "6"} if "variable" in places else {}
    flag = ["--max-tokens", "7"] if "flag" in places else []
    done = mull("-m", thinker, "--json", *flag, "hi", env=env)
    usage = json.loads(done.stdout)["usage"]
    assert usage["thinking"] + usage["answer"] == LADDER[from_][1]


def test_where_lists_the_places_in_that_order(mull: Run, home: Home, project: Path, thinker: Path) -> None:
    write(home, "top_k = 1\n[models.thinker]\ntop_k = 2\n[models.other]\ntop_k = 9\n")
    project.write_text("top_k = 3\n[models.thinker]\ntop_k = 4\n")
    words = ["config", "where", "top_k", "-m", thinker, "--json"]
    places = json.loads(mull(*words, env={"MULL_TOP_K": "5"}).stdout)["places"]
    assert [(one["table"], one["value"]) for one in places] == [
        ("", 5),
        ("thinker", 4),
        ("", 3),
        ("thinker", 2),
        ("", 1),
    ]
    assert places[0]["place"] == "MULL_TOP_K"
    assert [Path(one["place"]).name for one in places[1:]] == [".mull.toml"] * 2 + ["config.toml"] * 2
    plain = mull("config", "where", "top_k")
    assert plain.stdout.decode().splitlines()[0].split() == [str(project), "3"]
    assert b"--top-k" in plain.stderr
    assert json.loads(mull("config", "where", "thinking", "--json").stdout)["places"] == [
        {"place": "default", "table": "", "value": "auto"}
    ]
    assert mull("config", "where", "topk").returncode == 1


@pytest.mark.parametrize(
    ("weak", "strong", "asked"),
    [
        ("reason = false", "high", ReasoningAsk(on=True, effort="high")),
        ('effort = "high"', None, ReasoningAsk(effort="high")),
    ],
)
def test_an_effort_goes_over_a_weaker_off(
    weak: str, strong: str | None, asked: ReasoningAsk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.toml").write_text(weak)
    monkeypatch.setenv("MULL_CONFIG_DIR", str(tmp_path))
    if strong:
        monkeypatch.setenv("MULL_EFFORT", strong)
    assert config.read_config().reasoning().asked == asked.asked


# One model's settings


@pytest.mark.parametrize("table", ["thinker", "Thinker", "PATH", "t"])
def test_a_model_has_its_own_settings_however_it_is_named(
    mull: Run, home: Home, thinker: Path, table: str
) -> None:
    name = str(thinker) if table == "PATH" else table
    write(home, f'[aliases]\nt = "{thinker}"\n[models."{name}"]\nreason = false\nsystem = "S"\n')
    for spelled in (str(thinker), "t"):
        value = json.loads(mull("-m", spelled, "--json", "hi").stdout)
        assert (value["answer"], value["reasoning"]["asked"]) == ("42", "off")
    assert json.loads(mull("-m", "t", "--json", "--reason", "hi").stdout)["answer"] == "Forty-two."


def test_set_get_and_unset_for_one_model(mull: Run, home: Home, thinker: Path) -> None:
    assert mull("config", "set", "temperature", "0.1").returncode == 0
    assert mull("config", "set", "--model", "qwen3-8b", "temperature", "0.7").returncode == 0
    assert mull("config", "get", "temperature").stdout == b"0.1\n"
    for name in ("qwen3-8b", "QWEN3-8B", "qwen3-8b:Q4_K_M"):
        assert mull("config", "get", "--model", name, "temperature").stdout == b"0.7\n", name
    assert mull("config", "get", "-m", thinker, "temperature").stdout == b"0.1\n"
    assert 'models."qwen3-8b".temperature' in settings_of(mull("config", "list", "--json"))
    assert mull("config", "unset", "--model", "qwen3-8b", "temperature").returncode == 0
    assert mull("config", "get", "-m", "qwen3-8b", "temperature").stdout == b"0.1\n"
    assert "models" not in Path(home["MULL_CONFIG_DIR"], "config.toml").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-m", "qwen3-8c", "ctx", "99"], "qwen3-8b"),
        (["-m", "qwen3-8b", "theme", "dark"], 'cannot set "theme" for the model'),
        (["-m", "qwen3-8b", "model", "x"], 'cannot set "model"'),
        (["-m", "qwen3-8b", "ctx", "many"], "expects a whole number"),
        (["-m", "qwen3-8b", "ctxx", "1"], "ctx"),
    ],
)
def test_what_no_model_can_have_is_refused(mull: Run, home: Home, words: list[str], said: str) -> None:
    before = Path(home["MULL_CONFIG_DIR"], "config.toml").read_text()
    done = mull("config", "set", *words)
    assert done.returncode == 1
    assert said in done.stderr.decode()
    assert Path(home["MULL_CONFIG_DIR"], "config.toml").read_text() == before


@pytest.mark.parametrize(
    ("text", "said", "line"),
    [
        ("[models.a]\nctx = 1\n", "from 8 to", 3),
        ('[models."a"]\ntheme = "dark"\n', 'cannot set "theme"', 3),
        ("[models.qwen2.5-7b]\nctx = 99\n", "needs quotes", 2),
        ("models = 3\n", "expects tables", None),
        ("[models]\na = 3\n", "expects a table", 3),
        ('[aliases]\na = "b"\nb = "a"\n', "a → b → a", 2),
        ('[aliases]\na = "a"\n', "a → a", 2),
        ("[aliases]\na = 3\n", "expects the name of a model", 3),
        ('[aliases]\na = " "\n', "expects the name of a model", 3),
        ('[aliases]\n"a/b" = "x"\n', 'calls an alias "a/b"', 3),
        ('[aliases]\n"x.gguf" = "x"\n', "is not a path", 3),
        ('aliases = "x"\n', "expects a table", None),
    ],
)
def test_a_wrong_table_is_named_with_its_line(
    mull: Run, home: Home, text: str, said: str, line: int | None
) -> None:
    write(home, text)
    done = mull("config")
    assert done.returncode == 1
    assert said in done.stderr.decode()
    assert line is None or f"line {line} of" in done.stderr.decode()


def test_a_chat_takes_the_settings_of_the_model_that_it_switches_to() -> None:
    before = Preferences(sampling=Sampling(top_k=1, seed=4), max_tokens=9)
    after = Preferences(sampling=Sampling(top_k=2, top_p=0.5), thinking="hide")
    changed = before.with_setting("max_tokens", "77").with_setting("top_k", "3")
    moved = changed.moved(before, after)
    assert moved.sampling == Sampling(top_k=3, top_p=0.5)
    assert (moved.max_tokens, moved.thinking) == (77, "hide")


# Aliases


def test_an_alias_is_set_used_listed_completed_and_removed(mull: Run, thinker: Path, tmp_path: Path) -> None:
    assert mull("config", "set", "aliases.fast", thinker).returncode == 0
    assert mull("config", "set", "aliases.faster", "fast").returncode == 0
    assert mull("config", "get", "aliases.fast").stdout.decode() == f"{thinker}\n"
    assert json.loads(mull("-m", "faster", "--json", "hi").stdout)["model"] == "thinker"
    assert json.loads(mull("--json", "hi", env={"MULL_MODEL": "fast"}).stdout)["model"] == "thinker"
    assert json.loads(mull("list", "--json").stdout)["aliases"]["fast"] == str(thinker)
    assert b"fast" in mull("list").stderr
    assert settings_of(mull("config", "list", "--json"))["aliases.fast"] == str(thinker)
    line = {"_MULL_COMPLETE": "bash", "COMP_WORDS": "mull -m fas", "COMP_CWORD": "2"}
    assert mull("-m", "fas", env=line).stdout.split() == [b"fast", b"faster"]
    assert mull("config", "where", "aliases.fast").stdout.decode().split()[-1] == str(thinker)
    (tmp_path / "here.gguf").symlink_to(thinker)
    assert mull("config", "set", "aliases.here", "./here.gguf").returncode == 0
    assert mull("config", "get", "aliases.here").stdout.decode() == f"{tmp_path}/here.gguf\n"
    assert mull("config", "unset", "aliases.faster").returncode == 0
    assert mull("-m", "faster", "hi").returncode == 1
    assert mull("config", "unset", "aliases.faster").returncode == 1


@pytest.mark.parametrize(
    ("alias", "model", "said"),
    [
        ("qwen3-8b", "x", "name of a model in the catalogue"),
        ("pebble", "x", "name of a model in the catalogue"),
        ("chat", "x", "mull chat is a command"),
        ("me", "me", "me → me"),
        ("a b", "x", "an alias has letters"),
        ("me", "", "expects the name of a model"),
    ],
)
def test_an_alias_that_misleads_is_refused(mull: Run, alias: str, model: str, said: str) -> None:
    done = mull("config", "set", f"aliases.{alias}", model)
    assert done.returncode == 1
    assert said in done.stderr.decode()


def test_an_alias_never_hides_a_model_of_the_catalogue(mull: Run, home: Home, thinker: Path) -> None:
    write(home, f'[aliases]\nqwen3-8b = "{thinker}"\n')
    done = mull("-m", "qwen3-8b", "hi")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"mull config unset aliases.qwen3-8b" in done.stderr


# A project's file


def test_a_projects_file_is_found_upwards_to_the_repository(
    home: Home, project: Path, tmp_path: Path
) -> None:
    deep, apart = tmp_path / "a" / "b", tmp_path / "other"
    deep.mkdir(parents=True)
    (apart / ".git").mkdir(parents=True)
    project.write_text("top_k = 3\n")

    def top_k(folder: Path) -> str:
        command = [sys.executable, "-m", "mull", "config", "get", "top_k"]
        return subprocess.run(command, cwd=folder, env=home, capture_output=True, check=True).stdout.decode()

    assert (top_k(deep), top_k(apart)) == ("3\n", "")
    (tmp_path / "a" / ".mull.toml").write_text("top_k = 4\n")
    assert top_k(deep) == "4\n"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('keep_alive = "5m"', "keep_alive"),
        ("save = false", "save"),
        ('[endpoints.x]\nurl = "http://10.0.0.1:80/v1"', "endpoints"),
        ('theme = "dark"', "theme"),
        ("[theme]\nuser = 'red'", "theme"),
        ('model_folders = ["/x"]', "model_folders"),
        ("[models.a]\nprefix_cache = false", "prefix_cache"),
        ('model = "x@http://10.0.0.1:80/v1"', "model"),
        ('[aliases]\nfast = "x@https://evil.example/v1"', "fast"),
        ('system = "@../secret"', "system"),
        ('system = "@/etc/passwd"', "system"),
        ("topk = 1", "topk"),
        ("ctx = [", ""),
    ],
)
def test_a_projects_file_cannot_set_it(mull: Run, project: Path, text: str, name: str) -> None:
    project.write_text(text)
    done = mull("hi")
    assert (done.returncode, done.stdout) == (1, b"")
    assert name in done.stderr.decode()
    assert ".mull.toml" in done.stderr.decode()


def test_a_model_of_a_project_needs_trust(mull: Run, project: Path, thinker: Path) -> None:
    project.write_text(f'model = "m"\ntop_k = 3\n[aliases]\nm = "{thinker}"\n')
    done = mull("--json", "-m", thinker, "hi")
    assert json.loads(done.stdout)["answer"] == "Forty-two."
    plain = mull("-m", thinker, "hi")
    assert b"sets model, aliases in vain" in plain.stderr
    assert mull("config", "get", "top_k").stdout == b"3\n"
    assert mull("config", "get", "model").stdout == b""
    assert mull("templates", "trust", project.parent).returncode == 0
    assert json.loads(mull("--json", "hi").stdout)["model"] == "thinker"
    assert mull("templates", "untrust", project.parent).returncode == 0
    assert mull("config", "get", "model").stdout == b""


def test_aliases_of_both_files_make_no_circle(mull: Run, home: Home, project: Path) -> None:
    write(home, '[aliases]\na = "b"\n')
    project.write_text('[aliases]\nb = "a"\n')
    mull("templates", "trust", project.parent)
    done = mull("-m", "a", "hi")
    assert done.returncode == 1
    assert "mean each other" in done.stderr.decode()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs here")
@pytest.mark.parametrize("kind", ["folder", "fifo", "binary", "dangling"])
def test_what_is_no_settings_file_is_named(mull: Run, project: Path, kind: str) -> None:
    if kind == "folder":
        project.mkdir()
    elif kind == "fifo":
        os.mkfifo(project)
    elif kind == "binary":
        project.write_bytes(b"\xff\xfe\0")
    else:
        project.symlink_to(project.parent / "gone")
    done = mull("config", "get", "top_k")
    assert done.returncode == (0 if kind == "dangling" else 1)
    assert kind == "dangling" or b".mull.toml cannot be read" in done.stderr


def test_what_a_server_has_loaded_is_not_set_by_a_table(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "http://127.0.0.1:9/v1"
    write(home, f'[endpoints.here]\nurl = "{url}"\n[models."m@here"]\nctx = 512\ntop_k = 3\n')
    monkeypatch.setenv("MULL_CONFIG_DIR", home["MULL_CONFIG_DIR"])
    run = run_config(TurnFlags(model="m@here"), config.read_config())
    own = run.for_model(run.model.resolve())
    assert (run.notices, own.preferences.sampling.top_k) == ((), 3)
    assert [text.partition(":")[0] for text in own.notices] == ["The config's ctx for m@here has no effect"]


def test_where_says_what_an_untrusted_project_sets_in_vain(mull: Run, tmp_path: Path) -> None:
    (tmp_path / ".mull.toml").write_text('model = "other"\ntemperature = 0.5\n')
    done = mull("config", "where", "model")
    assert b"the model pulled last answers, or pebble" in done.stderr
    assert b"sets model in vain" in done.stderr
    assert b"in vain" not in mull("config", "where", "temperature").stderr

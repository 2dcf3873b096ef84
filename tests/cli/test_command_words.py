"""Words that look like commands: other names of commands, misspelled ones, and names of things that do not exist."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mull.app import COMMANDS
from mull.suggest import within_two_edits
from tests.conftest import Run


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("help", "--help"),
        ("help models", "models --help"),
        ("help sessions search", "sessions search --help"),
        ("help help", "help --help"),
        ("version", "--version"),
        ("help ls", "ls --help"),
        ("config ls", "config list"),
    ],
)
def test_another_way_to_type_a_command(mull: Run, typed: str, meant: str) -> None:
    done, wanted = mull(*typed.split()), mull(*meant.split())
    assert done.returncode == wanted.returncode == 0
    assert done.stdout == wanted.stdout
    assert done.stdout


@pytest.mark.parametrize(("typed", "count"), [("ls", 1), ("list", 1), ("models ls", 30), ("models list", 30)])
def test_lists_of_models(mull: Run, typed: str, count: int) -> None:
    rows = mull(*typed.split()).stdout.decode().splitlines()
    assert rows[0].startswith("pebble\t")
    assert (len(rows) == 1) == (count == 1)
    assert len(rows) >= count


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["modles"], "models"),
        (["Models"], "models"),
        (["-q", "sesions"], "sessions"),
        (["-m", "pebble", "shwo"], "show"),
        (["--no-reason", "models"], "models"),
        (["pul"], "pull"),
        (["history"], "sessions"),
        (["logs"], "sessions"),
        (["resume"], "chat -c"),
        (["help", "modles"], "help models"),
        (["help", "sessions", "serch"], "help sessions search"),
        (["help", "sesions", "search"], "help sessions"),
        (["help", "sesions", "serch"], "help sessions"),
    ],
)
def test_a_lone_word_that_looks_like_a_command_is_refused(mull: Run, typed: list[str], meant: str) -> None:
    done = mull(*typed)
    assert (done.returncode, done.stdout) == (2, b"")
    assert f"Did you mean mull {meant}?" in done.stderr.decode()


def test_the_refusal_as_json(mull: Run) -> None:
    done = mull("--json", "modles", stdin=b"1 2")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["code"] == "unknown_command"


@pytest.mark.parametrize(
    "words", [["ask", "modles"], ["modles", "pull"], ["modles "], ["hello"], ["hi"], ["blue"]]
)
def test_other_words_are_a_prompt(mull: Run, thinker: Path, words: list[str]) -> None:
    first, rest = (words[:1], words[1:]) if words[0] == "ask" else ([], words)
    done = mull(*first, "-m", thinker, *rest)
    assert (done.returncode, done.stdout) == (0, b"Forty-two.\n")


@pytest.mark.parametrize(
    "words",
    [
        ["help", "me", "write", "a", "poem"],
        ["help", "me write a poem"],
        ["help", "me", "--no-reason", "please"],
        ["help", "show", "me", "the", "way"],
        ["help", "sessions", "are", "too", "long"],
        ["help", "hello", "world"],
    ],
)
def test_two_words_after_help_that_name_no_command_are_a_prompt(
    mull: Run, thinker: Path, words: list[str]
) -> None:
    done = mull("--json", "-m", thinker, "--no-reason", *words)  # `help` is not the first word: a prompt
    assert mull(*words, "-m", thinker, "--no-reason", "--json").returncode == 0
    asked = json.loads(mull(*words, "-m", thinker, "--no-reason", "--json").stdout)
    assert (asked["answer"], asked["usage"]) == ("42", json.loads(done.stdout)["usage"])


@pytest.mark.parametrize("words", [["help", "me"], ["help", "rm", "nosuch"], ["help", "sessions", "blue"]])
def test_one_word_after_help_that_names_no_command_is_refused(mull: Run, words: list[str]) -> None:
    done = mull(*words)
    assert (done.returncode, done.stdout) == (2, b"")
    assert f"mull ask {' '.join(words)} asks the model." in done.stderr.decode()


def test_a_failed_prompt_that_begins_with_help_is_a_result_of_a_turn(mull: Run) -> None:
    failed = mull("help", "me", "write", "-m", "nosuch.gguf", "--json")
    assert (failed.returncode, json.loads(failed.stdout)["finish"]) == (1, "error")


def test_a_template_takes_any_word(mull: Run, thinker: Path, tmp_path: Path) -> None:
    template = tmp_path / "define.toml"
    template.write_text('prompt = "What does $input mean?"')
    assert mull("-m", thinker, "-t", template, "list").stdout == b"Forty-two.\n"


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("modles", ["models"]),
        ("lsit", ["list"]),
        ("chta", ["chat"]),
        ("doktr", ["doctor"]),
        ("vrsion", ["version"]),
        ("hi", []),  # two edits make it rm or ls, and nothing of it is left
        ("so", []),
        ("explain", []),
        ("", []),
    ],
)
def test_at_most_two_edits_and_half_the_word(word: str, near: list[str]) -> None:
    assert within_two_edits(word, [*COMMANDS, "ls"]) == near


@pytest.mark.parametrize("group", ["sessions", "templates", "config", "cache"])
def test_a_bare_group_is_its_list_with_the_lists_options(mull: Run, group: str) -> None:
    wanted = mull(group, "list", "--json")
    assert json.loads(wanted.stdout)["v"] == 1
    for line in ([group, "--json"], [group, "--json", "list"], [group, "ls", "--json"]):
        assert mull(*line).stdout == wanted.stdout
    assert mull(group).stdout == mull(group, "list").stdout
    assert f"Usage: mull {group} list" in mull(group, "--json", "--help").stdout.decode()


def test_the_settings_as_json(mull: Run) -> None:
    settings = json.loads(mull("config", "--json").stdout)["settings"]
    assert {"threads": 1, "temperature": None}.items() <= {
        one["name"]: one["value"] for one in settings
    }.items()


NO_SUCH = {
    "unknown_model": ["show nosuch", "rm nosuch", "verify nosuch", "-m nosuch hi", "bench -m nosuch"],
    "unknown_quantization": ["show gpt-oss-20b:Q2_K"],
    "not_installed": ["rm gpt-oss-20b", "-m gpt-oss-20b hi"],
    "model_missing": ["-m nosuch.gguf hi", "show ./nosuch.gguf"],
    "unknown_session": ["sessions show nosuch", "sessions export nosuch", "sessions rm nosuch", "-c hi"],
    "unknown_prompt_template": ["-t nosuch hi", "templates show nosuch", "-t ./nosuch.toml hi"],
    "unknown_setting": ["config get nosuch", "config set nosuch 1", "config unset nosuch"],
    "no_cache_entry": ["cache clear nosuch"],
    "unknown_device": ["--device nosuch hi"],
    "file_unreadable": ["-f nosuch hi", "--schema nosuch.json hi"],
}
"""Lines that name something that does not exist, by the code of the error."""


@pytest.mark.parametrize(
    ("code", "line"), [(code, line) for code, lines in NO_SUCH.items() for line in lines]
)
def test_what_does_not_exist_is_exit_code_1(mull: Run, code: str, line: str) -> None:
    done = mull(*line.split())
    assert (done.returncode, done.stdout) == (1, b"")
    message, hint = done.stderr.decode().splitlines()[-2:]
    assert message.startswith("Error: ")
    assert hint
    if not line.startswith(
        ("config", "templates", "sessions export", "sessions rm", "verify", "rm", "bench")
    ):
        refused = mull(*line.split(), "--json")
        assert (refused.returncode, json.loads(refused.stdout)["error"]["code"]) == (1, code)


@pytest.mark.parametrize(
    "line",
    ["sessions nosuch", "config nosuch", "--nosuch", "ask --nosuch hi", "help nosuch", "models --nosuch"],
)
def test_an_unknown_command_or_option_is_exit_code_2(mull: Run, line: str) -> None:
    assert mull(*line.split()).returncode == 2


@pytest.mark.parametrize(
    "model", ["llama3", "qwen3:8b", "gemma-3-4b", "owner/repo", "hf.co/owner/repo:Q4_K_M"]
)
@pytest.mark.parametrize("more", [[], ["Why is the sky blue?"]])
def test_run_with_a_model_names_the_commands_here(mull: Run, model: str, more: list[str]) -> None:
    done = mull("run", model, *more)
    assert (done.returncode, done.stdout) == (2, b"")
    assert f"mull chat -m {model}" in done.stderr.decode()


@pytest.mark.parametrize("words", [["run", "away"], ["run", "test_1.py"], ["run", "3", "miles"]])
def test_other_prompts_that_begin_with_run_are_asked(mull: Run, words: list[str]) -> None:
    assert b"There is no command" not in mull(*words).stderr


def test_a_quantization_that_does_not_exist_is_named(mull: Run) -> None:
    done = mull("pull", "qwen3-8b", "--quant", "Q99")
    assert done.returncode == 1
    assert 'qwen3-8b has no quantization "Q99".' in done.stderr.decode()
    assert "mull show qwen3-8b" in done.stderr.decode()


def test_another_tools_word_below_a_command_names_the_one_here(mull: Run) -> None:
    done = mull("sessions", "delete", "1")
    assert done.returncode == 2
    assert "Did you mean mull sessions rm?" in done.stderr.decode()

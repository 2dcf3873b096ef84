"""`mull sessions replay`: the same outcome again, what differs otherwise, and turns that cannot be repeated."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run
from tests.endpoints.dialects import read_dialect
from tests.endpoints.scripted_server import Server, serve
from tests.model_files.lora import write_lora
from tests.model_files.random_model import TINY, cached
from tests.model_files.scripted import write_scripted
from tests.modes import both_modes

if sys.platform != "win32":
    from tests.terminal.harness import Terminal

WILD = ("-m", "pebble", "--temperature", "3", "--top-k", "0", "--min-p", "0", "--top-p", "1", "--no-reason")
Edit = Callable[..., None]


@pytest.fixture
def edit(home: dict[str, str]) -> Edit:
    """Change a column of the only turn, or a part of its details."""

    def change(details: Callable[[dict[str, Any]], None] | None = None, **columns: object) -> None:
        with closing(sqlite3.connect(Path(home["MULL_STATE_DIR"]) / "sessions.db")) as database, database:
            if details is not None:
                found = json.loads(database.execute("SELECT details FROM turns").fetchone()[0])
                details(found)
                columns["details"] = json.dumps(found)
            for name, value in columns.items():
                database.execute(f"UPDATE turns SET {name} = ?", (value,))

    return change


def replayed(mull: Run, *arguments: str | Path) -> tuple[int, str, str]:
    done = mull("sessions", "replay", *arguments)
    assert b"Traceback" not in done.stderr
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@both_modes
def test_a_drawn_seed_gives_the_same_outcome(mull: Run) -> None:
    mull(*WILD, "--no-draft", "--session", "s", "What is 17 * 23?")
    code, out, errors = replayed(mull, "s")
    assert (code, errors) == (0, "")
    assert out.startswith("Turn 1 is equal: ")
    assert "Changed" not in out
    again = json.loads(mull("sessions", "replay", "s", "1", "--json").stdout)
    assert (again["equal"], again["difference"], again["changes"], again["error"]) == (True, None, [], None)
    assert len(json.loads(mull("sessions", "show", "s", "--json").stdout)["turns"]) == 1  # nothing was stored


def test_texts_come_from_the_record_not_from_what_is_there_now(
    mull: Run, thinker: Path, tmp_path: Path
) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("remember the milk\n")
    mull("-m", thinker, "-s", "Be brief.", "--session", "s", "-f", notes, "What is in it?")
    mull("-m", thinker, "-s", "Be long.", "--session", "s", "--no-reason", "And now?", stdin=b"some input\n")
    tokens = [
        turn["usage"]["prompt"]
        for turn in json.loads(mull("sessions", "show", "s", "--json").stdout)["turns"]
    ]
    notes.unlink()
    for number in (1, 2):
        code, out, _ = replayed(mull, "s", str(number))
        assert (code, f"Turn {number} is equal" in out) == (0, True), out
    assert tokens[0] != tokens[1]


def test_turns_with_an_adapter_and_continued_ones(mull: Run, tmp_path: Path) -> None:
    model = cached(TINY)
    style = write_lora(tmp_path / "style.gguf", model)
    flags = ("-m", model, "--temperature", "0", "--no-loop-guard", "--no-cache", "--no-draft")
    mull(*flags, "--lora", style, "--max-tokens", "12", "--session", "s", "hi")
    code, out, _ = replayed(mull, "s")
    assert (code, out.startswith("Turn 1 is equal: ")) == (0, True)
    mull(*flags, "--max-tokens", "9", "--session", "c", "hello")
    mull("--session", "c", "--continue", *flags[2:], "--max-tokens", "15")
    code, out, _ = replayed(mull, "c")
    assert (code, out.startswith("Turn 1 is equal: ")) == (0, True)
    write_lora(style, model, seed=8)
    code, out, _ = replayed(mull, "s")
    assert "Changed since: adapter, style.gguf → style.gguf." in out
    style.unlink()
    code, out, errors = replayed(mull, "s")
    assert (code, out) == (1, "")
    assert "style.gguf" in errors


def test_the_first_difference_is_named(mull: Run, thinker: Path, edit: Edit) -> None:
    mull("-m", thinker, "--session", "s", "hi")
    edit(answer="Forty-two.\nAnd more", thinking="Let me see.")
    code, out, _ = replayed(mull, "s")
    assert code == 1
    assert "Turn 1 differs from character 11 (line 1) of the answer on." in out
    assert '  then  "Forty-two.\\nAnd more"\n  now   "Forty-two."\n' in out
    assert "Nothing that was recorded has changed since." in out
    edit(answer="Forty-two.", thinking="Let us see.")
    found = json.loads(mull("sessions", "replay", "s", "--json").stdout)
    assert (found["equal"], found["difference"]["part"]) == (False, "thinking")
    assert (found["difference"]["character"], found["difference"]["line"]) == (5, 1)
    assert found["answer"] == "Forty-two."


def test_what_has_changed_is_named(mull: Run, thinker: Path, edit: Edit) -> None:
    mull("-m", thinker, "--session", "s", "hi")

    def older(details: dict[str, Any]) -> None:
        details["ran"]["versions"]["llama.cpp"] = "0.1\x1b[2J"
        details["ran"]["template"] = "0" * 32
        details["ran"]["library"] = "1" * 32
        details["usage"]["prompt"] = 1

    edit(older, answer="Forty-one.")
    code, out, _ = replayed(mull, "s")
    assert code == 1
    assert "Changed since: llama.cpp, 0.1␛[2J → " in out
    assert "Changed since: template, 000000000000 → " in out
    assert "Changed since: prompt, 1 token → " in out
    assert "Changed since: llama.cpp library or processor, 111111111111 → " in out


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ("some-1b.Q8_0.gguf", "Q8_0 is another quantization than Q4_K_M: with the same seed the answer may"),
        ("other-1b.Q8_0.gguf", "Other weights give another answer as a rule, with the same seed too."),
    ],
)
def test_other_weights_are_named_with_what_to_expect(
    mull: Run, tmp_path: Path, other: str, said: str
) -> None:
    first = write_scripted(tmp_path / "Some-1B-Q4_K_M.gguf", ["42", " and"], name="some")
    second = write_scripted(tmp_path / other, ["42", " or"], name="some")
    mull("-m", first, "--session", "s", "hi")
    code, out, _ = replayed(mull, "s", "-m", second)
    assert code == 1
    assert f"Changed since: model file, Some-1B-Q4_K_M.gguf → {other}." in out
    assert said in out
    found = json.loads(mull("sessions", "replay", "s", "-m", second, "--json").stdout)
    assert any(caveat.startswith(said) for caveat in found["caveats"])


def test_a_model_that_is_gone_or_has_changed(mull: Run, thinker: Path, tmp_path: Path) -> None:
    model = Path(shutil.copy(thinker, tmp_path / "mine.gguf"))
    mull("-m", model, "--session", "s", "hi")
    moved = model.rename(tmp_path / "moved.gguf")
    code, out, errors = replayed(mull, "s")
    assert (code, out) == (1, "")
    assert "There is no file" in errors
    assert "Or name another one with -m." in errors
    code, out, _ = replayed(mull, "s", "-m", moved)  # the same content elsewhere
    assert (code, "Changed" in out) == (0, False)
    data = bytearray(moved.read_bytes())
    data[-1] ^= 1
    model.write_bytes(data)
    code, out, errors = replayed(mull, "s")
    assert (code, out) == (1, "")
    assert "is no longer the one that answered" in errors
    code, out, _ = replayed(mull, "s", "-m", model)
    assert "Changed since: model file, mine.gguf → mine.gguf." in out


def test_an_interrupted_turn_is_compared_as_far_as_it_went(mull: Run, slow: Path, edit: Edit) -> None:
    mull("-m", slow, "--max-tokens", "40", "--no-reason", "--session", "s", "hi")
    words = "".join(f" word{number}" for number in range(12))
    edit(finish="interrupted", answer=words, thinking="")
    code, out, _ = replayed(mull, "s")
    assert (code, "is equal, as far as it went" in out) == (0, True), out
    edit(answer=words[:-1] + "x")
    code, out, _ = replayed(mull, "s")
    assert (code, "Turn 1 differs" in out) == (1, True)


def test_turns_of_before_say_what_was_not_recorded(mull: Run, thinker: Path, edit: Edit) -> None:
    mull("-m", thinker, "--temperature", "0", "--session", "s", "hi")

    def older(details: dict[str, Any]) -> None:
        del details["ran"]
        details["settings"]["tool_of_old"] = 3

    edit(older, model=str(thinker))
    code, out, _ = replayed(mull, "s")
    assert code == 0
    assert "What answered was not recorded" in out
    assert "These settings are not repeated: tool_of_old." in out


@pytest.mark.parametrize(
    ("settings", "ran"),
    [
        (
            {"seed": -1, "temperature": 1e999, "stop": 3, "reason": ["x"], "max_tokens": True},
            {"engine": [], "sent": 3},
        ),
        ({"drawn_seed": 1 << 70, "top_k": "many", "answer_format": {"grammar": "root ::= ("}}, {"files": 3}),
        (
            {"loop_guard": None},
            {"engine": {"threads": 10**9, "ctx": -3}, "versions": 3, "sent": {"first": 99}},
        ),
    ],
)
def test_a_hostile_record_is_no_crash(
    mull: Run, thinker: Path, edit: Edit, settings: dict[str, Any], ran: dict[str, Any]
) -> None:
    mull("-m", thinker, "--temperature", "0", "--session", "s", "hi")

    def hostile(details: dict[str, Any]) -> None:
        details["settings"] = {"temperature": 0, **settings}
        details["ran"] = {**details["ran"], **ran}

    edit(hostile)
    code, out, errors = replayed(mull, "s")
    assert code in {0, 1}
    assert out or errors


def test_turns_that_cannot_be_repeated(mull: Run, thinker: Path, edit: Edit) -> None:
    mull("-m", thinker, "--session", "s", "hi")
    assert "there is no turn 2" in replayed(mull, "s", "2")[2]
    assert replayed(mull, "s", "0")[0] == 2
    assert replayed(mull, "nothing")[0] == 1
    edit(finish="interrupted", answer="", thinking="")
    code, out, errors = replayed(mull, "s")
    assert (code, out) == (1, "")
    assert "has no answer to compare with" in errors


@pytest.fixture
def office() -> Iterator[Server]:
    with serve() as server:
        read_dialect("vllm", key="sk-office").play_on(server)
        yield server


def test_an_endpoint_is_asked_again_without_promises(mull: Run, home: dict[str, str], office: Server) -> None:
    config = Path(home["MULL_CONFIG_DIR"]) / "config.toml"
    config.write_text(f'[endpoints.office]\nurl = "{office.url}/v1"\nkey_env = "OFFICE_KEY"\n')
    environment = {"OFFICE_KEY": "sk-office"}
    mull("-m", "@office", "--session", "s", "What is it?", env=environment)
    done = mull("sessions", "replay", "s", env=environment)
    assert done.returncode == 0, done.stderr
    assert b"Turn 1 is equal" in done.stdout
    assert b"An endpoint answered" in done.stdout
    first, second = office.sent_to("/v1/chat/completions")
    assert first.json == second.json


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pseudo-terminal")
def test_a_terminal_shows_the_answer_and_the_verdict(mull: Run, home: dict[str, str], thinker: Path) -> None:
    mull("-m", thinker, "--session", "s", "hi")
    with Terminal([sys.executable, "-m", "mull", "sessions", "replay", "s"], environ=home) as terminal:
        assert terminal.exit() == 0
        assert "Forty-two." in terminal.text
        assert "Turn 1 is equal" in terminal.text

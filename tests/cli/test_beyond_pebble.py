"""pebble answers by default only what it is made for; everything else is refused, with one model recommended."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from tests.conftest import Run

if sys.platform != "win32":
    from tests.chat.conftest import ChatTerminal
    from tests.terminal.harness import Terminal

TERMINAL = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
MULL = [sys.executable, "-m", "mull"]
OFFER = re.compile(r"mull pull (\S+ \(\d[\d.]* [GM]B\))")
ONLINE = {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9"}  # where nothing listens
CONTRACT = b"This contract was made in May. Ms Lee signed it on behalf of the company.\n"
DIFF = b"diff --git a/a.txt b/a.txt\n--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-one\n+two\n"


def recommended(mull: Run) -> str:
    """What `mull models --best` names, with its size."""
    lines = dict(line.split("\t", 1) for line in mull("models", "--best").stdout.decode().splitlines())
    return f"{lines['Best here']} ({lines['Size']})"


@pytest.mark.parametrize(
    ("words", "stdin"),
    [
        (["Who signed it?"], CONTRACT),
        (["write a commit message"], DIFF),
        (["--schema", "name, age int", "Anna is 31."], b""),
        (["--grammar", "answer.gbnf", "What is 2 + 3?"], b""),
        (["--format", "json", "What is 2 + 3?"], b""),
        (["-f", "contract.txt", "How many e's?"], b""),
        (["batch"], b'"What is 2 + 3?"\n'),
        (["What is the capital of France?"], b""),
        (["Qu'est-ce que c'est ?"], b""),
        (["which is bigger, 9.11 or 9.9?"], b""),
    ],
)
def test_what_it_is_not_made_for_is_refused(
    mull: Run, tmp_path: Path, words: list[str], stdin: bytes
) -> None:
    (tmp_path / "contract.txt").write_bytes(CONTRACT)
    (tmp_path / "answer.gbnf").write_text("root ::= [0-9]+\n")
    done = mull(*words, stdin=stdin)
    assert (done.returncode, done.stdout) == (1, b"")
    message, hint = done.stderr.decode().splitlines()
    assert "pebble" in message
    assert OFFER.findall(hint) == [recommended(mull)]


def test_pebble_that_was_chosen_just_answers(mull: Run, home: dict[str, str]) -> None:
    assert mull("-m", "pebble", "Who signed it?", stdin=CONTRACT).returncode == 0
    assert mull("Who signed it?", stdin=CONTRACT, env={"MULL_MODEL": "pebble"}).returncode == 0
    assert mull("config", "set", "model", "pebble").returncode == 0
    assert mull("Who signed it?", stdin=CONTRACT).returncode == 0


@pytest.mark.parametrize(
    ("words", "stdin", "answer"),
    [
        (["What is 17 * 23?"], b"", b"391\n"),
        (["How many r's are in strawberry?"], b"", b"3\n"),
        (["sort these"], b"b\na\n", b"a\nb\n"),
        (["which is the largest?"], b"12\n99\n45\n", b"99\n"),
    ],
)
def test_what_it_is_made_for_is_answered(mull: Run, words: list[str], stdin: bytes, answer: bytes) -> None:
    done = mull(*words, stdin=stdin)
    assert (done.returncode, done.stdout) == (0, answer), done.stderr


def test_a_refusal_in_json_has_its_own_code_and_is_not_stored(mull: Run) -> None:
    done = mull("--json", "Write a poem about rain.")
    result = json.loads(done.stdout)
    assert (done.returncode, result["answer"], result["error"]["code"]) == (1, None, "beyond_pebble")
    assert json.loads(mull("sessions", "list", "--json").stdout)["sessions"] == []


def test_a_continued_session_is_refused_alike(mull: Run) -> None:
    assert mull("What is 2 + 3?").returncode == 0
    done = mull("-c", "and plus 5?")
    assert (done.returncode, done.stdout) == (0, b"10\n"), done.stderr
    assert mull("-c", "Who was Napoleon?").returncode == 1
    assert mull("-c", "-m", "pebble", "Who was Napoleon?").returncode == 0


def test_pebbles_own_refusals_name_no_model(mull: Run) -> None:
    for prompt in ("Who painted the Mona Lisa?", "What is the square root of 12345?", "that is wrong"):
        done = mull("-m", "pebble", "--no-save", prompt)
        assert done.returncode == 0
        assert done.stdout.strip()
        assert b"mull pull" not in done.stdout


@TERMINAL
def test_one_model_is_named_everywhere(mull: Run, home: dict[str, str]) -> None:
    best = recommended(mull)
    value = json.loads(mull("models", "--best", "--json").stdout)["best"]
    assert value["name"] == best.split()[0]
    screens = {}
    home |= ONLINE
    with ChatTerminal(MULL, environ=home, columns=150) as chat:
        chat.leave()
        screens["chat"] = "\n".join(chat.everything)
    for words in (["What is 2 + 3?"], ["Who was Napoleon?"], ["models"], ["models", "--best"]):
        with Terminal([*MULL, *words], environ=home, columns=150, rows=80) as terminal:
            if words[-1] in {"Who was Napoleon?", "--best"}:
                terminal.wait("[y/N]")
                terminal.press("\r")
            terminal.exit()
            screens[" ".join(words)] = "\n".join(terminal.everything)
    assert all(best in screen for screen in screens.values()), screens


@TERMINAL
@pytest.mark.parametrize("keys", ["\r", "n\r", "\x03", "\x04"])
def test_the_offer_is_declined_by_anything_but_yes(home: dict[str, str], keys: str) -> None:
    with Terminal([*MULL, "Who was Napoleon?"], environ=home | ONLINE, columns=150) as terminal:
        terminal.wait("[y/N]")
        assert any(re.search(r"^Download \S+ \(\d+\.\d GB\)\? \[y/N\]", line) for line in terminal.lines)
        terminal.press(keys)
        assert terminal.exit() == 1
        text = " ".join(terminal.everything)
        assert OFFER.search(text)
        assert text.count("This is beyond pebble") == 1
    assert not [path for path in Path(home["HF_HOME"]).rglob("*") if path.is_file()]


@TERMINAL
def test_yes_downloads_it(home: dict[str, str]) -> None:
    with Terminal([*MULL, "Who was Napoleon?"], environ=home | ONLINE, columns=150) as terminal:
        terminal.wait("[y/N]")
        terminal.press("y\r")
        assert terminal.exit() == 1
        assert "127.0.0.1:9" in " ".join(terminal.everything)  # it was asked, and refused the connection


@TERMINAL
@pytest.mark.parametrize("words", [["Who was Napoleon?"], ["models", "--best"], ["-m", "qwen3-0.6b", "hi"]])
@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_nothing_is_offered(home: dict[str, str], words: list[str], variable: str) -> None:
    environ = home | {"HF_HUB_OFFLINE": "", variable: "yes"}
    with Terminal([*MULL, *words], environ=environ, columns=150) as terminal:
        assert terminal.exit() == (0 if "--best" in words else 1)
        text = " ".join(terminal.everything)
    assert "[y/N]" not in text
    assert f"{variable} is" in text
    assert re.search(r"mull pull \S+", text)


@TERMINAL
def test_a_chat_goes_on_after_a_refusal_and_records_none(home: dict[str, str], mull: Run) -> None:
    with ChatTerminal(MULL, environ=home, columns=150, rows=40) as terminal:
        terminal.say("Who was Napoleon?")
        terminal.shows("This is beyond pebble")
        terminal.say("What is 40 + 2?")
        terminal.shows("42")
        terminal.say("/model pebble")
        terminal.shows("in use already")
        terminal.say("Who was Napoleon?")
        terminal.shows("I am too small for that.")
        terminal.leave()
    (session,) = json.loads(mull("sessions", "list", "--json").stdout)["sessions"]
    assert session["turns"] == 2


def test_the_recommendation_depends_on_sizes_alone(mull: Run, home: dict[str, str], tmp_path: Path) -> None:
    """What was measured in a slow or a quick moment, and what a state folder remembers, do not change it."""
    first = recommended(mull)
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow" / "bandwidth").write_text("1e+09")
    (tmp_path / "quick").mkdir()
    (tmp_path / "quick" / "bandwidth").write_text("9e+12")
    for state in ("slow", "quick"):
        home["MULL_STATE_DIR"] = str(tmp_path / state)
        assert recommended(mull) == first
        hint = mull("Who was Napoleon?").stderr.decode()
        assert OFFER.findall(hint) == [first]

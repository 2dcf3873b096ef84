"""`mull eval --report`, `--card`, `--against`, `--repeat-card`: what is written, what cannot be, what differs."""

from __future__ import annotations

import json
import re
import resource
import sys
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.evaluation.report.test_page import Report
from tests.model_files.scripted import write_scripted
from tests.terminal.harness import Terminal

QUESTIONS = [
    {"prompt": "In words?", "answer": "forty-two"},
    {"prompt": "As a number?", "answer": "42", "judge": "choice", "choices": ["42", "43"]},
    {"prompt": "Either?", "answer": [42, "Forty-two"]},
]


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """With thinking the model says "Forty-two.", without "42"."""
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in QUESTIONS))
    return path


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Says "41"."""
    return write_scripted(tmp_path / "base.gguf", ["41"])


def test_the_report_the_plot_and_the_card_of_a_run(
    mull: Run, thinker: Path, questions: Path, tmp_path: Path
) -> None:
    done = mull("eval", questions, "-m", thinker, "--report", "r.html", "--card", "c.md", "-q")
    assert (done.returncode, done.stderr) == (0, b"")
    page = Report((tmp_path / "r.html").read_text(encoding="utf-8"))
    page.check()
    assert page.text.count("2/3") == 2
    for line in QUESTIONS:
        assert f"Expected: {line['answer']}" in page.text or isinstance(line["answer"], list)
    assert "Expected: 42 or Forty-two" in page.text
    assert page.folded.count("Forty-two.") >= 3
    card = (tmp_path / "c.md").read_text(encoding="utf-8")
    assert "| 2/3 |" in card
    for folder in (tmp_path, thinker.parent):
        assert str(folder) not in card
        assert str(folder) not in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert f"Reference: {thinker.name}" in card
    assert mull("eval", "--resume", "--report", "r.svg").returncode == 0
    assert "<svg" in (tmp_path / "r.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("option", "name", "code", "says"),
    [
        ("--report", "none/r.html", 1, "none/r.html cannot be written: No such file or directory."),
        ("--report", ".", 2, "--report writes .html, .svg and .png files"),
        ("--report", "r.pdf", 2, "--report writes .html, .svg and .png files; r.pdf is none."),
        ("--card", "r.txt", 2, "--card writes .md and .html files; r.txt is none."),
        ("--repeat-card", "questions.jsonl", 1, "questions.jsonl is not a card of mull"),
        ("--repeat-card", "none.md", 1, "none.md cannot be read"),
    ],
)
def test_a_file_that_cannot_be_written_or_read_is_found_before_a_question_is_asked(
    mull: Run, thinker: Path, questions: Path, option: str, name: str, code: int, says: str
) -> None:
    words = () if option == "--repeat-card" else (questions,)
    done = mull("eval", *words, "-m", thinker, option, name)
    assert (done.returncode, done.stdout) == (code, b"")
    assert says in done.stderr.decode()
    assert len(done.stderr.decode().splitlines()) == 2


def test_a_png_without_matplotlib_names_the_extra(
    mull: Run, home: dict[str, str], thinker: Path, questions: Path, tmp_path: Path
) -> None:
    blocked = tmp_path / "blocked"
    (blocked / "matplotlib").mkdir(parents=True)
    (blocked / "matplotlib" / "__init__.py").write_text("raise ImportError")
    home["PYTHONPATH"] = f"{blocked}:{home['PYTHONPATH']}"
    done = mull("eval", questions, "-m", thinker, "--report", "r.png")
    assert (done.returncode, done.stdout) == (1, b"")
    assert "pip install 'mull-chat[plots]'" in done.stderr.decode()


def test_quiet_leaves_out_the_notices_of_loading(mull: Run, questions: Path, tmp_path: Path) -> None:
    bare = write_scripted(tmp_path / "bare.gguf", ["42"], template=None)
    loud = mull("eval", questions, "-m", bare, "--modes", "off")
    assert b"The file has no chat template" in loud.stderr
    quiet = mull("eval", questions, "-m", bare, "--modes", "off", "-q")
    assert (quiet.returncode, quiet.stderr) == (0, b"")


def test_a_model_beside_its_base(
    mull: Run, thinker: Path, base: Path, questions: Path, tmp_path: Path
) -> None:
    words = ("eval", questions, "-m", thinker, "--against", base, "--modes", "off", "--report", "r.html")
    lines = mull(*words, "-q").stdout.decode().splitlines()
    done = json.loads(mull("eval", "--resume", "--json").stdout)
    assert len(done["models"]) == 2
    (found,) = done["against"]
    assert (found["mode"], found["unpaired"]) == ("off", 0)
    right = found["shares"][0]
    assert (right["name"], right["pairs"], right["base"], right["model"]) == ("right", 3, 0.0, 0.6667)
    assert right["interval"][0] < 0 < right["interval"][1]
    page = Report((tmp_path / "r.html").read_text(encoding="utf-8"))
    page.check()
    assert "Beside the base" in page.text
    assert "+67 points" in page.text
    assert right["meaning"].startswith("no difference that chance does not explain (p = 0.50,")
    assert "off\tright\t0%\t67%\t+67 points" in "\n".join(lines)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_report_that_cannot_be_written_costs_nothing_else(
    mull: Run, thinker: Path, questions: Path, tmp_path: Path
) -> None:
    """The disk is full when the answers are there: the table and the card are there all the same."""
    (tmp_path / "r.html").symlink_to("/dev/full")
    done = mull("eval", questions, "-m", thinker, "--report", "r.html", "--card", "c.md", "-q")
    assert (done.returncode, done.stdout.count(b"2/3")) == (1, 2)
    assert b"r.html could not be written: No space left on device." in done.stderr
    assert "| 2/3 |" in (tmp_path / "c.md").read_text(encoding="utf-8")
    again = mull("eval", "--resume", "--report", "r.html", "--json")
    found = json.loads(again.stdout)
    assert (again.returncode, found["error"]["code"], found["finish"]) == (1, "write_failed", "error")
    assert [run["right"] for run in found["runs"]] == [2, 2]


def test_a_full_disk_ends_a_run_that_shows_what_it_has(
    mull: Run, thinker: Path, questions: Path, tmp_path: Path
) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000))

    words = ("eval", questions, "-m", thinker, "--modes", "off", "--repeat", 20, "--out", "run")
    done = mull(*words, preexec_fn=limited)
    assert done.returncode == 1
    (row,) = done.stdout.decode().splitlines()
    right, asked = map(int, row.split("\t")[1].split("/"))
    assert 0 < right < asked < 60
    assert "mull eval --resume" in done.stderr.decode()
    assert mull("eval", "--resume", "run", "-q").stdout.startswith(b"off\t40/60\t")


def test_a_card_is_repeated_and_nothing_differs(
    mull: Run, thinker: Path, questions: Path, tmp_path: Path
) -> None:
    assert mull("eval", questions, "-m", thinker, "--card", "c.md", "--limit", "2").returncode == 0
    words = ("eval", "--repeat-card", "c.md", "-m", thinker)
    done = mull(*words, "-q")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().splitlines()
    assert "Models, questions, versions and machine are the card's." in lines
    assert [line for line in lines if line.endswith("no verdict has changed")] == lines[-2:]
    assert "1/2 right on the card, 1/2 now" in lines[-1]


def test_a_card_repeated_with_another_model_says_so(
    mull: Run, thinker: Path, base: Path, questions: Path, tmp_path: Path
) -> None:
    assert mull("eval", questions, "-m", thinker, "--card", "c.md", "--modes", "off").returncode == 0
    done = mull("eval", "--repeat-card", "c.md", "-m", base, "-q")
    text = done.stdout.decode()
    assert re.search(r"file of \S+: \w+ \w+; now \w+ \w+", text)
    assert "2/3 right on the card, 0/3 now" in text
    assert "no longer right: line-2, line-3" in text


def test_a_card_of_others_cannot_do_what_its_reader_did_not_ask_for(
    mull: Run, thinker: Path, questions: Path, tmp_path: Path
) -> None:
    words = ("eval", questions, "-m", thinker, "--card", "c.md", "--limit", "1", "--modes", "off")
    assert mull(*words).returncode == 0
    card = tmp_path / "c.md"
    text = card.read_text(encoding="utf-8")
    for more, says in (
        ('"--allow-code"', "its command sets allow_code"),
        ('"--chat-template", "/etc/passwd"', "its command sets chat_template"),
        ('"--system", "@/etc/passwd"', "its system prompt is in a file"),
        ('"--no-such"', "its command is not one of this version"),
        ('"--help"', "its command"),
    ):
        changed = text.replace('"--limit"', f'{more}, "--limit"', 1)
        assert changed != text
        card.write_text(changed, encoding="utf-8")
        done = mull("eval", "--repeat-card", "c.md", "-m", thinker)
        assert (done.returncode, done.stdout) == (1, b""), done.stderr
        assert says in done.stderr.decode()
    file = '"file": "questions.jsonl"'
    assert file in text
    card.write_text(text.replace(file, '"file": "/etc/passwd"'), encoding="utf-8")
    done = mull("eval", "--repeat-card", "c.md", "-m", thinker)
    assert (done.returncode, done.stdout) == (1, b"")
    assert "its questions are in a folder" in done.stderr.decode()
    card.write_text(text, encoding="utf-8")
    done = mull("eval", "--repeat-card", "c.md", "-m", thinker, "--limit", "2")
    assert (done.returncode, done.stdout) == (2, b"")
    assert "--limit would change that" in done.stderr.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_shows_the_plot(home: dict[str, str], thinker: Path, questions: Path) -> None:
    command = [sys.executable, "-m", "mull", "eval", str(questions), "-m", str(thinker)]
    with Terminal(command, environ=home, columns=40, rows=60) as terminal:
        assert terminal.exit() == 0
        lines = terminal.text.splitlines()
    assert any(line.startswith("100% ┤") for line in lines)
    assert any("seconds per answer" in line for line in lines)
    for letter in "AB":
        assert sum(line.startswith(f"{letter}  ") for line in lines) == 1

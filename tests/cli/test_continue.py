"""`mull --continue` and `--prefill`: answers that are taken up where they were cut, or begun by the user."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run
from tests.model_files.random_model import TINY, cached
from tests.model_files.scripted import write_scripted

GREEDY = ("--temperature", "0", "--no-loop-guard")


def result(mull: Run, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
    done = mull("--json", *arguments)
    assert done.returncode == code, done.stderr
    return dict(json.loads(done.stdout))


def test_a_cut_answer_equals_the_uncut_one(mull: Run) -> None:
    model = cached(TINY)
    whole = result(mull, "-m", model, *GREEDY, "--no-save", "--max-tokens", "24", "hello")
    first = result(mull, "-m", model, *GREEDY, "--max-tokens", "9", "hello")
    rest = result(mull, "-c", "--continue", *GREEDY, "--max-tokens", "15")
    assert rest["answer"] == whole["answer"]
    assert (rest["session"], rest["finish"]) == (first["session"], "length")
    assert (rest["usage"]["answer"], rest["usage"]["prefill"]) == (15, 9)
    assert "prefill" not in first["usage"]


@pytest.mark.parametrize("at", ["2", "5"])
def test_thinking_and_answer_continue(mull: Run, thinker: Path, at: str) -> None:
    """Cut within the thinking (exit 4), and at the first token of the answer."""
    cut = mull("-m", thinker, "--max-tokens", at, "what is it?")
    assert cut.returncode == (4 if at == "2" else 0)
    done = result(mull, "--continue")
    assert (done["thinking"], done["answer"]) == ("Let me see.", "Forty-two.")
    sessions = json.loads(mull("sessions", "list", "--json").stdout)
    assert len(sessions if isinstance(sessions, list) else sessions["sessions"]) == 1


def test_a_continued_turn_is_one_turn(mull: Run, thinker: Path, tmp_path: Path) -> None:
    """In the list, the figures, an import, and for a session that was removed meanwhile."""
    mull("-m", thinker, "--session", "s", "--max-tokens", "2", "what is it?")
    mull("--session", "s", "--continue", "--max-tokens", "1")
    mull("--session", "s", "--continue")
    mull("--session", "s", "and this?")
    exported = mull("sessions", "export", "s", "-f", "json").stdout
    assert len(json.loads(exported)["turns"]) == 4
    mull("sessions", "import", "-", stdin=exported)
    listed = json.loads(mull("sessions", "list", "--json").stdout)["sessions"]
    assert [one["turns"] for one in listed] == [2, 2]
    figures = json.loads(mull("sessions", "stats", "--json").stdout)
    assert (figures["turns"], figures["cut"]) == (4, 0)


def test_it_thinks_as_it_was_asked_to(mull: Run, tmp_path: Path, thinker: Path) -> None:
    """Switched off in the first turn, thinking stays off: the prompt is the same."""
    first = result(mull, "-m", thinker, "--no-reason", "--max-tokens", "1", "--session", "s", "hi")
    assert first["answer"] == "42"
    done = result(mull, "--session", "s", "--continue")
    assert (done["reasoning"]["asked"], done["thinking"]) == ("off", "")
    assert done["answer"].startswith("42")


def test_a_complete_answer_is_said_to_be_complete(mull: Run, thinker: Path) -> None:
    mull("-m", thinker, "--no-reason", "what is it?")
    done = mull("-c", "--continue")
    assert (done.returncode, done.stdout) == (0, b"42\n")
    assert b"the model added nothing" in done.stderr


def test_a_notice_after_the_answer_is_a_line_by_itself(
    home: dict[str, str], mull: Run, thinker: Path
) -> None:
    """Where both streams are one file or screen, too."""
    mull("-m", thinker, "--no-reason", "what is it?")
    done = subprocess.run(
        [sys.executable, "-m", "mull", "-c", "--continue"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=home,
        check=False,
    )
    assert done.stdout == b"42\nThe answer was complete: the model added nothing.\n"


def test_with_a_question_it_asks(mull: Run, thinker: Path) -> None:
    first = result(mull, "-m", thinker, "what is it?")
    assert mull("--continue", "and now?").stdout == b"Forty-two.\n"
    assert mull("sessions", "show", first["session"]).stdout.count(b"Forty-two.") == 2


def test_there_is_nothing_to_continue(mull: Run, thinker: Path) -> None:
    done = mull("--continue")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"no conversation to continue" in done.stderr
    done = mull("-m", thinker, "--session", "new", "--continue")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"Nothing has been asked yet" in done.stderr


def test_another_model_does_not_continue(mull: Run, thinker: Path, tmp_path: Path) -> None:
    """An error that names the model to use, and after which the conversation is as it was."""
    other = write_scripted(tmp_path / "other.gguf", ["never"], starts={"2": [" indeed"]}, name="other")
    mull("-m", thinker, "--no-reason", "--max-tokens", "1", "what is it?")
    for words in (("-m", other), ("-m", "pebble")):
        done = mull("-c", "--continue", *words)
        assert (done.returncode, done.stdout) == (2, b"")
        assert b"Error: The answer was begun by thinker; " in done.stderr
        assert f"Continue it with -m {thinker}, or ask".encode() in done.stderr
    failed = json.loads(mull("-c", "--continue", "-m", other, "--json").stdout)
    assert (failed["answer"], failed["error"]["code"]) == (None, "begun_by_another_model")
    assert mull("-c", "--continue").stdout == b"42\n"  # the session's model is still its own
    assert mull("-c", "-m", other, "and you?").stdout == b"never\n"


def test_another_quantization_of_the_model_continues(mull: Run, tmp_path: Path) -> None:
    """With a notice, as it knows the answer's text and not its tokens."""
    first = write_scripted(tmp_path / "Some-1B-Q4_K_M.gguf", ["42", " and"], name="some")
    second = write_scripted(tmp_path / "some-1b.Q8_0.gguf", ["never"], starts={"2": [" indeed"]}, name="some")
    mull("-m", first, "--max-tokens", "1", "what is it?")
    done = mull("-c", "--continue", "-m", second)
    assert (done.returncode, done.stdout) == (0, b"42 indeed\n")
    assert b"The answer was begun by Some-1B-Q4_K_M; some-1b.Q8_0 continues it." in done.stderr


def test_a_failure_loses_nothing_of_the_answer(mull: Run, thinker: Path, tmp_path: Path) -> None:
    session = result(mull, "-m", thinker, "--no-reason", "--max-tokens", "1", "what is it?")["session"]
    damaged = tmp_path / f"{thinker.stem}-Q8_0.gguf"
    damaged.write_bytes(b"GGUF")
    assert mull("-c", "--continue", "-m", damaged).returncode == 1
    assert mull("sessions", "show", session).stdout.splitlines().count(b"42") == 1


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    return write_scripted(
        tmp_path / "begun.gguf",
        ["<think>", "\nHm", "</think>", "\n\nNo"],
        starts={":": [" ", "yes", "!"], '"': ['yes"']},
        user_defined=["<think>", "</think>"],
        template="{% for m in messages %}{{ m.content }}\n{% endfor %}<think>\n",
    )


def test_the_answer_begins_with_the_text(mull: Run, begun: Path) -> None:
    """Also with a model whose prompt opens the thinking: it is closed at once."""
    done = mull("-m", begun, "--prefill", "I say:", "Well?")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"I say: yes!\n", b"")
    found = result(mull, "-m", begun, "--prefill", "I say:", "Well?")
    assert (found["thinking"], found["reasoning"]["applied"]) == ("", "off")
    assert (found["usage"]["prefill"] > 6, found["usage"]["answer"]) == (True, 3)
    assert b"does not think" in mull("-m", begun, "--reason", "--prefill", "I say:", "Well?").stderr


def test_the_text_is_part_of_the_format(mull: Run, begun: Path) -> None:
    schema = ("--schema", '{"const": "yes"}')
    assert mull("-m", begun, *schema, "--prefill", '"', "Well?").stdout == b'"yes"\n'


def test_a_format_holds_for_the_rest_of_the_answer(mull: Run) -> None:
    model = cached(TINY)
    form = (
        "--schema",
        '{"type": "array", "items": {"enum": ["some", "other"]}, "minItems": 9, "maxItems": 9}',
    )
    whole = result(mull, "-m", model, *GREEDY, *form, "--no-save", "hello")
    cut = result(mull, "-m", model, *GREEDY, *form, "--max-tokens", "7", "hello", code=5)
    rest = result(mull, "-c", "--continue", *GREEDY)
    assert whole["answer"].startswith(cut["answer"])
    assert rest["answer"] == whole["answer"]


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        (("--schema", '{"const": "yes"}'), "schema"),
        (("--choice", "yes,no"), "choices"),
        (("--regex", "[0-9]+"), "regular expression"),
        (("--lark", "g.lark"), "grammar"),
        (("--grammar", "g.gbnf"), "grammar"),
        (("--format", "json"), "format"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_beginning_that_cannot_match_is_refused_before_anything_is_generated(
    mull: Run, begun: Path, tmp_path: Path, flags: tuple[str, str], what: str
) -> None:
    (tmp_path / "g.lark").write_text('start: "yes"\n')
    (tmp_path / "g.gbnf").write_text('root ::= "yes"\n')
    done = mull("-m", begun, *flags, "--prefill", "I say:", "Well?")
    assert (done.returncode, done.stdout) == (2, b"")
    expected = f'Error: No answer that matches the {what} begins with "I say:".'
    assert done.stderr.decode().splitlines() == [
        expected,
        "Give --prefill another text, or leave the format out.",
    ]
    assert mull("-m", begun, "--prefill", "I say:", "--max-tokens", "1", "Well?").returncode == 0
    done = mull("-c", "--continue", *flags)
    assert (done.returncode, done.stdout) == (2, b"")
    assert "Ask again without --continue, or leave the format out." in done.stderr.decode()


def test_a_beginning_that_opens_thinking_is_no_answer(mull: Run, begun: Path, tmp_path: Path) -> None:
    plain = write_scripted(tmp_path / "plain.gguf", ["Hi"])
    for model, why in ((begun, "it thinks before its answer"), (plain, "this model does not think")):
        done = mull("-m", model, "--prefill", "<think>", "Well?")
        assert (done.returncode, done.stdout) == (2, b"")
        message, hint = done.stderr.decode().splitlines()[-2:]
        assert message == 'Error: The answer\'s beginning, "<think>", opens thinking that it does not end.'
        assert hint == f"Begin with the answer itself: {why}."


def test_flags_that_contradict(mull: Run, thinker: Path) -> None:
    done = mull("-m", thinker, "--continue", "--prefill", "x")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"contradict" in done.stderr


def test_the_answer_of_a_model_that_is_gone_is_not_continued(
    mull: Run, thinker: Path, tmp_path: Path
) -> None:
    model = write_scripted(tmp_path / "gone.gguf", ["Once", " upon", " a time"], name="gone")
    mull("-m", model, "--session", "s", "--max-tokens", "2", "tell me a tale")
    model.unlink()
    done = mull("--session", "s", "--continue")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"There is no file" in done.stderr
    assert b"takes no answer that another model began" in done.stderr
    mull("config", "set", "model", str(thinker))
    done = mull("--session", "s", "--continue")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"There is no file" in done.stderr
    assert b"Error: The answer was begun by gone; thinker cannot continue it." in done.stderr

"""`mull ask` in a script: streams, JSON and exit codes, with a model that plays a script."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import CHATML
from tests.conftest import Run
from tests.model_files.scripted import write_scripted

KEYS = {
    "v",
    "model",
    "answer",
    "thinking",
    "reasoning",
    "finish",
    "error",
    "usage",
    "timing",
    "session",
    "placement",
    "threads",
}


def as_json(finished: subprocess.CompletedProcess[bytes]) -> dict[str, object]:
    found: dict[str, object] = json.loads(finished.stdout)
    return found


def test_only_the_answer_goes_to_stdout(mull: Run, thinker: Path) -> None:
    done = mull("-m", thinker, "what is it?")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"Forty-two.\n", b"")


def test_thinking_show_prints_thinking_on_stderr(mull: Run, thinker: Path) -> None:
    done = mull("-m", thinker, "--thinking", "show", "what is it?")
    assert done.stdout == b"Forty-two.\n"
    assert b"Let me see." in done.stderr


def test_no_reason_switches_thinking_off(mull: Run, thinker: Path) -> None:
    done = as_json(mull("-m", thinker, "--no-reason", "--json", "what is it?"))
    assert (done["answer"], done["thinking"]) == ("42", "")
    reasoning = done["reasoning"]
    assert isinstance(reasoning, dict)
    assert (reasoning["asked"], reasoning["applied"]) == ("off", "off")


def test_json_has_the_shape_of_the_contract(mull: Run, thinker: Path) -> None:
    done = as_json(mull("-m", thinker, "--json", "what is it?"))
    assert set(done) == KEYS
    assert (done["v"], done["finish"], done["error"]) == (1, "stop", None)
    assert (done["answer"], done["thinking"]) == ("Forty-two.", "Let me see.")
    assert done["reasoning"] == {
        **done["reasoning"],
        "asked": "default",
        "applied": "default",
        "notice": None,
    }  # type: ignore[dict-item]
    usage, timing = done["usage"], done["timing"]
    assert isinstance(usage, dict)
    assert set(usage) == {"prompt", "cached", "thinking", "answer"}
    assert usage["thinking"] > 0
    assert usage["answer"] > 0
    assert isinstance(timing, dict)
    assert set(timing) == {"load", "prompt", "first_token", "thinking", "answer", "tokens_per_second"}
    assert all(isinstance(seconds, float) for seconds in timing.values())


def test_jsonl_ends_with_the_same_object(mull: Run, thinker: Path) -> None:
    lines = [json.loads(line) for line in mull("-m", thinker, "--jsonl", "hi").stdout.splitlines()]
    assert set(lines[-1]) == KEYS
    assert "".join(line["text"] for line in lines if line.get("event") == "thinking") == lines[-1]["thinking"]
    assert "".join(line["text"] for line in lines if line.get("event") == "answer") == lines[-1]["answer"]


def test_stopping_at_max_tokens_is_exit_0(mull: Run, thinker: Path) -> None:
    done = mull("-m", thinker, "--no-reason", "--max-tokens", "1", "--json", "hi")
    assert done.returncode == 0
    cut = mull("-m", thinker, "--max-tokens", "6", "--json", "hi")
    assert (cut.returncode, as_json(cut)["finish"], as_json(cut)["answer"]) == (0, "length", "Forty-two")


def test_thinking_without_an_answer_is_exit_4(mull: Run, thinker: Path) -> None:
    done = mull("-m", thinker, "--max-tokens", "3", "--json", "hi")
    assert (done.returncode, as_json(done)["finish"], as_json(done)["answer"]) == (4, "thinking", "")
    plain = mull("-m", thinker, "--max-tokens", "3", "hi")
    assert (plain.returncode, plain.stdout) == (4, b"")
    assert b"never answered" in plain.stderr
    assert mull("-m", thinker, "--max-tokens", "3", "--quiet", "hi").stderr == b""


def test_the_end_of_the_context_is_exit_3(mull: Run, tmp_path: Path) -> None:
    endless = write_scripted(
        tmp_path / "endless.gguf", [f" w{i}" for i in range(300)], template=CHATML, end=False
    )
    done = mull("-m", endless, "--ctx", "256", "--json", "hi")
    assert (done.returncode, as_json(done)["finish"]) == (3, "length")
    assert b"the context is full" in mull("-m", endless, "--ctx", "256", "hi").stderr


def test_a_prompt_longer_than_the_context_is_an_error_with_both_counts(mull: Run, thinker: Path) -> None:
    done = mull("-m", thinker, "--ctx", "64", "--json", "word " * 200)
    assert done.returncode == 1
    error = as_json(done)["error"]
    assert isinstance(error, dict)
    assert error["code"] == "context_overflow"
    assert "64" in error["message"]
    assert as_json(done)["answer"] is None


def test_the_answer_ends_before_a_stop_string(mull: Run, thinker: Path) -> None:
    assert mull("-m", thinker, "--stop", "-tw", "hi").stdout == b"Forty\n"


def test_think_budget_closes_the_thinking_and_answers(mull: Run, tmp_path: Path) -> None:
    musing = ["<think>", "\nhm", *(f" and{i}" for i in range(60)), "</think>", "\n\nDone", "."]
    model = write_scripted(
        tmp_path / "musing.gguf",
        musing,
        template=CHATML,
        user_defined=["<think>", "</think>"],
        starts={"\n\n": ["Short", "."]},
    )
    done = as_json(mull("-m", model, "--think-budget", "10", "--json", "hi"))
    assert done["answer"] == "Short."
    assert "and5" in str(done["thinking"])
    assert "and20" not in str(done["thinking"])
    assert done["finish"] == "stop"


@pytest.mark.parametrize("arguments", [[], ["-"], ["   "]], ids=["nothing", "dash", "blanks"])
def test_no_prompt_is_a_usage_error(mull: Run, arguments: list[str]) -> None:
    done = mull("ask", *arguments)
    assert done.returncode == 2
    assert done.stdout == b""
    assert len(done.stderr.strip().splitlines()) == 2


def test_unknown_flags_are_usage_errors_without_a_traceback(mull: Run) -> None:
    done = mull("ask", "--resaon", "hi")
    assert done.returncode == 2
    assert b"--resaon" in done.stderr
    assert b"Traceback" not in done.stderr


def test_conflicting_flags_are_usage_errors(mull: Run, thinker: Path) -> None:
    assert mull("-m", thinker, "--no-reason", "--effort", "high", "hi").returncode == 2
    assert mull("-m", thinker, "--json", "--jsonl", "hi").returncode == 2


def test_a_word_that_is_no_command_is_a_prompt(mull: Run, thinker: Path) -> None:
    assert mull("-m", thinker, "tell me").stdout == b"Forty-two.\n"
    assert mull("how", "are", "you", "-m", thinker).stdout == b"Forty-two.\n"
    assert mull("ask", "list", "-m", thinker).stdout == b"Forty-two.\n"


def test_invalid_utf8_on_stdin_is_replaced_and_reported(mull: Run, thinker: Path) -> None:
    done = mull("-m", thinker, "what?", stdin=b"caf\xe9 \xff\n")
    assert done.returncode == 0
    assert done.stdout == b"Forty-two.\n"
    assert b"UTF-8" in done.stderr


def test_quiet_prints_only_the_answer(mull: Run, thinker: Path) -> None:
    assert mull("-m", thinker, "-q", "what?", stdin=b"\xff\n").stderr == b""


def test_stats_go_to_stderr(mull: Run, thinker: Path) -> None:
    done = mull("-m", thinker, "--stats", "what?")
    assert done.stdout == b"Forty-two.\n"
    assert b"tokens/s" in done.stderr


def test_a_closed_pipe_ends_quietly(home: dict[str, str], tmp_path: Path) -> None:
    talker = write_scripted(tmp_path / "talker.gguf", [f"line {i}\n" for i in range(2000)], template=CHATML)
    with subprocess.Popen(
        [sys.executable, "-m", "mull", "-m", str(talker), "hi"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=home,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 0


def test_in_a_pipe_the_models_bytes_are_unchanged(mull: Run, tmp_path: Path) -> None:
    red = write_scripted(tmp_path / "red.gguf", ["\x1b[31m", "red", "\x1b]0;title\x07"], template=CHATML)
    assert mull("-m", red, "hi").stdout == b"\x1b[31mred\x1b]0;title\x07\n"


def test_the_model_from_the_environment_and_the_config(
    mull: Run, home: dict[str, str], thinker: Path
) -> None:
    assert mull("hi", env={"MULL_MODEL": str(thinker)}).stdout == b"Forty-two.\n"
    assert mull("config", "set", "model", str(thinker)).returncode == 0
    assert mull("hi").stdout == b"Forty-two.\n"
    assert mull("config", "set", "reason", "false").returncode == 0
    assert mull("hi").stdout == b"42\n"
    assert mull("--reason", "hi").stdout == b"Forty-two.\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_under_stdout_is_an_error(home: dict[str, str], thinker: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "mull", "-m", str(thinker), "hi"],
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            env=home,
            check=False,
        )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr


def test_a_read_only_state_folder_does_not_affect_the_answer(
    mull: Run, thinker: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    done = mull("-m", thinker, "--no-save", "hi", env={"MULL_STATE_DIR": str(tmp_path / "file" / "state")})
    assert (done.returncode, done.stdout) == (0, b"Forty-two.\n")


def test_the_end_of_the_process_flushes_and_runs_exit_functions(home: dict[str, str], thinker: Path) -> None:
    program = """
import atexit, sys
atexit.register(lambda: print("last", file=sys.stderr))
from mull.__main__ import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, "-m", thinker, "what is it?"],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env=home,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"Forty-two.\n", b"last\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device")
def test_an_answer_that_cannot_be_written_is_no_success(home: dict[str, str], thinker: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "mull", "-m", thinker, "what is it?"],
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            env=home,
            check=False,
        )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr

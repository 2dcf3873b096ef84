"""-x, -o and --thinking-file: a code block only, an atomically written file, the thinking to a file."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mull.terminal.markdown.code_blocks import pick
from tests.cli.conftest import CHATML
from tests.conftest import Run
from tests.model_files.scripted import write_scripted
from tests.waiting import wait_for, wait_until_busy

ANSWER = "Here:\n```python\nprint(1)\n```\nor:\n\n~~~sh\necho 2\n~~~\n"


@pytest.fixture(scope="module")
def coder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scripted(
        tmp_path_factory.mktemp("models") / "coder.gguf",
        [
            *("<think>", "\nLet me", " see.\n", "</think>", "\n\nHere:\n"),
            *("```python\nprint", "(1)\n```\n", ANSWER[ANSWER.index("or:") :]),
        ],
        template=CHATML,
        user_defined=["<think>", "</think>"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("flags", "code"),
    [(["-x"], "print(1)\n"), (["--extract-last"], "echo 2\n"), (["--extract-lang", "SH"], "echo 2\n")],
)
def test_only_the_code_block_is_printed(mull: Run, coder: Path, flags: list[str], code: str) -> None:
    done = mull("-m", coder, *flags, "hi")
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, code, b"")


def test_no_code_block_is_a_failure_and_the_answer_is_on_stderr(mull: Run, coder: Path) -> None:
    done = mull("-m", coder, "--extract-lang", "rust", "hi")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode().startswith(ANSWER)
    assert b"no code block of rust" in done.stderr


@pytest.mark.parametrize(
    ("markdown", "code"),
    [
        ("a\n```\nx\n```\n", "x\n"),
        ("````md\n```py\nx\n```\n````", "```py\nx\n```\n"),
        ("~~~\nx\n```\ny\n~~~", "x\n```\ny\n"),
        ("1. so:\n\n   ```py\n   x\n     y\n   ```\n", "x\n  y\n"),
        ("> ```\n> x\n> ```", "x\n"),
        ("```py\nx\ny", "x\ny"),
        ("   ```\n   x\n   ```", "x\n"),
        ("```\n```", ""),
        ("    x = 1\n\n`y`", None),
        ("none", None),
    ],
)
def test_code_fences(markdown: str, code: str | None) -> None:
    assert pick(markdown) == code


def test_spellings_of_a_code_blocks_language() -> None:
    blocks = "```python title=a\n1\n```\n```{.rust}\n2\n```\n```c,ignore\n3\n```\n"
    assert [pick(blocks, language=name) for name in ("python", "rust", "C", "go")] == [
        "1\n",
        "2\n",
        "3\n",
        None,
    ]
    assert pick(blocks, last=True) == "3\n"


def test_the_answer_and_the_thinking_go_to_files(mull: Run, coder: Path, tmp_path: Path) -> None:
    done = mull("-m", coder, "-o", "answer.md", "--thinking-file", "thoughts", "hi")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert (tmp_path / "answer.md").read_text() == ANSWER
    assert (tmp_path / "thoughts").read_text() == "Let me see.\n"
    assert mull("-m", coder, "-x", "-o", "answer.md", "hi").stdout == b""
    assert (tmp_path / "answer.md").read_text() == "print(1)\n"
    assert mull("-m", coder, "--json", "-o", "answer.json", "hi").stdout == b""
    assert json.loads((tmp_path / "answer.json").read_text())["answer"] == ANSWER
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {
        "answer.md",
        "thoughts",
        "answer.json",
    }


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX rights and links")
def test_permissions_and_links_are_preserved(mull: Run, coder: Path, tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        mull("-m", coder, "-o", "new", "hi")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    real = tmp_path / "real"
    real.write_text("old")
    real.chmod(0o604)
    (tmp_path / "link").symlink_to("real")
    mull("-m", coder, "-o", "link", "hi")
    assert (tmp_path / "link").is_symlink()
    assert real.read_text() == ANSWER
    assert stat.S_IMODE(real.stat().st_mode) == 0o604


@pytest.mark.parametrize("flag", ["-o", "--thinking-file"])
@pytest.mark.parametrize("where", ["missing/file", ".", "file/below"])
def test_an_unwritable_file_is_reported_before_the_model_loads(
    mull: Run, tmp_path: Path, flag: str, where: str
) -> None:
    (tmp_path / "file").write_text("kept")
    done = mull("-m", "not-there.gguf", flag, where, "hi")
    assert done.returncode == 1
    assert b"cannot be written" in done.stderr
    assert b"not-there" not in done.stderr  # the model was not even looked up
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_devices_are_written_to(mull: Run, coder: Path) -> None:
    assert mull("-m", coder, "-o", "/dev/null", "hi").returncode == 0
    assert Path("/dev/null").is_char_device()
    assert mull("-m", coder, "-o", "-", "hi").stdout.decode() == ANSWER  # a dash is stdout
    full = mull("-m", coder, "-o", "/dev/full", "hi")
    assert full.returncode == 1
    assert ANSWER in full.stderr.decode()  # the answer is not lost
    assert b"No space left" in full.stderr


def test_conflicting_flags_are_usage_errors(mull: Run, coder: Path) -> None:
    assert mull("-m", coder, "-x", "--json", "hi").returncode == 2
    assert mull("-m", coder, "-o", "same", "--thinking-file", "same", "hi").returncode == 2


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_answer_does_not_change_the_file(
    home: dict[str, str], slow: Path, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "out"
    out.write_text("old")
    command = [
        sys.executable,
        "-m",
        "mull",
        "-m",
        str(slow),
        "--no-reason",
        "--no-save",
        "-o",
        str(out),
        "hi",
    ]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=home) as process:
        wait_for(lambda: list(tmp_path.glob(".out.*.part")), "the file")
        wait_until_busy(process.pid, 0.3)
        process.send_signal(number)
        assert process.wait(60) == -number
    assert out.read_text() == "old"
    assert not list(tmp_path.glob(".out.*.part"))


# A form of output that is neither text nor JSON, in place of --jsonl: a line per event.
TRACING = """
from mull.__main__ import main
from mull.terminal.views import open as table
from mull.terminal.views.base import show_each

def trace(options):
    return lambda events: show_each(events, lambda event: options.streams.write(type(event).__name__ + "\\n"))

table.VIEWS["jsonl"] = table.ViewEntry(trace)
main()
"""


def traced(home: dict[str, str], *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", TRACING, "--jsonl", *map(str, words)]
    return subprocess.run(
        command, input="", capture_output=True, env=home, text=True, timeout=60, check=False
    )


def test_another_form_gets_figures_and_notices_on_stderr(home: dict[str, str], thinker: Path) -> None:
    done = traced(home, "-m", thinker, "--stats", "--max-tokens", "2", "hi")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (4, "Done")
    assert "The model thought but never answered." in done.stderr
    assert " tokens/s " in done.stderr


@pytest.mark.parametrize("words", [("-m", "./missing.gguf", "hi"), ("--no-such-flag",)])
def test_another_form_gets_its_errors_on_stderr(home: dict[str, str], words: tuple[str, ...]) -> None:
    done = traced(home, *words)
    assert done.returncode
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("-x",), "-x and --jsonl exclude each other."),
        (("--json",), "--json and --jsonl contradict each other."),
        (("--logprobs", "1"), "--logprobs needs JSON output."),
    ],
)
def test_what_another_form_excludes_is_named(
    home: dict[str, str], flags: tuple[str, ...], message: str
) -> None:
    done = traced(home, *flags, "hi")
    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "known"),
    [
        (["--ctx", "512", "x " * 1000], "context_overflow", True),
        (["-f", "missing.txt", "hi"], "file_unreadable", True),
        ([], "missing_prompt", True),
        (["-m", "nothing", "hi"], "unknown_model", False),
        (["--temperature", "warm", "hi"], "usage_error", False),
    ],
)
def test_a_failure_names_the_model_once_it_is_known(
    mull: Run, coder: Path, words: list[str], code: str, known: bool
) -> None:
    result = json.loads(mull("--json", "-m", coder, *words).stdout)
    assert (result["error"]["code"], result["model"]) == (code, coder.stem if known else None)


def test_two_stretches_of_thinking_are_two_paragraphs(mull: Run, tmp_path: Path) -> None:
    model = write_scripted(
        tmp_path / "twice.gguf",
        ["<think>", "\none", "</think>", "\n\nFirst.\n", "<think>", "two", "</think>", "\n\nSecond."],
        template=CHATML,
        user_defined=["<think>", "</think>"],
    )
    assert json.loads(mull("--json", "-m", model, "hi").stdout)["thinking"] == "one\n\ntwo"
    assert mull("--thinking", "show", "-m", model, "hi").stderr == b"one\n\ntwo\n"
    parsed = mull("inspect", model, "--parse", stdin=b"<think>one</think>\n<think>two</think>b")
    assert json.loads(parsed.stdout)["thinking"] == "one\n\ntwo"


def test_where_the_layers_are_is_in_the_figures_and_in_json(mull: Run, coder: Path) -> None:
    done = mull("-m", coder, "--stats", "hi")
    assert b" CPU\n" in done.stderr or b" layers on " in done.stderr
    for flags in (("--gpu-layers", "0"), ("--device", "none")):
        placed = json.loads(mull("-m", coder, "--json", *flags, "hi").stdout)["placement"]
        assert (placed["devices"], placed["gpu_layers"], placed["why"]) == ([], 0, "as set")
        assert placed["layers"] > 1

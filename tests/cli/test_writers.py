"""Several mulls at once, and mulls that were killed: no file that they write loses, doubles or tears anything."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.test_batch import ids, jsonl, results
from tests.conftest import Run

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(home: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Start `mull ARGS…` without waiting for it; what still runs is killed after the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start_one(*arguments: str | Path, **options: object) -> subprocess.Popen[bytes]:
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "mull", *map(str, arguments)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=home,
                cwd=tmp_path,
                **options,  # type: ignore[call-overload]
            )
        )
        return started[-1]

    yield start_one
    for process in started:
        process.kill()
        process.communicate()


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)


@contextmanager
def writing(start: Start, model: Path, out: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A batch that has answered one line and waits for the next."""
    process = start("batch", "-m", model, "-o", out)
    assert process.stdin is not None
    process.stdin.write(jsonl("one?"))
    process.stdin.flush()
    wait_for(lambda: out.exists() and out.read_bytes().endswith(b"\n"))
    yield process


# Batches


@pytest.mark.parametrize("how", ["same", "symlink", "hardlink", "overwrite"])
def test_a_second_batch_into_the_same_file_is_refused(
    mull: Run, start: Start, thinker: Path, tmp_path: Path, how: str
) -> None:
    out, other = tmp_path / "out.jsonl", tmp_path / "other.jsonl"
    with writing(start, thinker, out) as first:
        if how == "symlink":
            other.symlink_to(out)
        elif how == "hardlink":
            os.link(out, other)
        path = other if other.exists() else out
        flags = ["--overwrite"] if how == "overwrite" else []
        second = mull("batch", "-m", thinker, "-o", path, *flags, stdin=jsonl("one?", "two?"))
        assert (second.returncode, second.stdout) == (1, b"")
        assert (
            f"{path.name} is being written by another mull (process {first.pid}).".encode() in second.stderr
        )
        first.communicate(jsonl("two?"))
    assert first.returncode == 0
    assert ids(out.read_bytes()) == [1, 2]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_without_a_reader_is_not_waited_for(mull: Run, thinker: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "in.jsonl").write_text('"hi"\n')
    done = mull("batch", tmp_path / "in.jsonl", "-m", thinker, "-o", tmp_path / "pipe", timeout=20)
    assert done.returncode == 1
    assert b"cannot be written" in done.stderr


def test_a_killed_batch_leaves_no_lock(mull: Run, start: Start, thinker: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with writing(start, thinker, out) as first:
        first.kill()
        first.wait()
    out.write_bytes(out.read_bytes() + b'{"v": 1, "id": 2, "li')  # killed while it wrote
    done = mull("batch", "-m", thinker, "-o", out, stdin=jsonl("one?", "two?"))
    assert (done.returncode, ids(out.read_bytes())) == (0, [1, 2])
    assert sorted(path.name for path in tmp_path.glob("*out*")) == ["out.jsonl"]


def test_batches_that_start_at_once_have_one_winner(start: Start, thinker: Path, tmp_path: Path) -> None:
    out, lines = tmp_path / "out.jsonl", tmp_path / "in.jsonl"
    lines.write_bytes(jsonl(*(f"{number}?" for number in range(20))))
    running = [start("batch", lines, "-m", thinker, "-o", out) for _ in range(4)]
    errors = [process.communicate()[1] for process in running]
    for process, error in zip(running, errors, strict=True):
        assert process.returncode == 0 or b"is being written by another mull" in error
    assert ids(out.read_bytes()) == list(range(1, 21))


def test_the_lock_outlives_the_rewriting_of_the_file(
    mull: Run, start: Start, thinker: Path, tmp_path: Path
) -> None:
    """Failed results are dropped by replacing the file; the new one is locked like the old one."""
    out = tmp_path / "out.jsonl"
    out.write_bytes(mull("batch", "-m", thinker, stdin=jsonl({"bad": 1})).stdout)
    assert results(out.read_bytes())[0]["error"] is not None
    with writing(start, thinker, out) as first:
        wait_for(lambda: [result["error"] for result in results(out.read_bytes())] == [None])
        assert mull("batch", "-m", thinker, "-o", out, stdin=jsonl("one?")).returncode == 1
        first.communicate()
    assert ids(out.read_bytes()) == [1]


def test_damaged_lines_are_named_moved_aside_and_asked_again(
    mull: Run, thinker: Path, tmp_path: Path
) -> None:
    out, asked = tmp_path / "out.jsonl", jsonl("one?", "two?", "three?", "four?")
    first, second, third, fourth = mull("batch", "-m", thinker, stdin=asked).stdout.splitlines(keepends=True)
    torn = [second[:40] + third, b' answer"}\n']
    for left in (first + torn[0] + fourth, torn[1] + first + fourth):
        out.write_bytes(left)
        done = mull("batch", "-m", thinker, "-o", out, stdin=asked)
        assert (done.returncode, sorted(ids(out.read_bytes()))) == (0, [1, 2, 3, 4])
        assert out.read_bytes().startswith(first + fourth)
        number = 2 if left.startswith(first) else 1
        assert f"Line {number} of out.jsonl is damaged".encode() in done.stderr
    assert (tmp_path / "out.jsonl.damaged").read_bytes() == b"".join(torn)


# The files that mull keeps


def at_once(*commands: subprocess.Popen[bytes]) -> None:
    """Wait for all of them; each has to succeed."""
    errors = [process.communicate()[1] for process in commands]
    assert [process.returncode for process in commands] == [0] * len(commands), errors


def test_settings_that_are_set_at_once_are_all_set(start: Start, home: dict[str, str]) -> None:
    names = ("seed", "top_k", "ctx", "max_tokens", "think_budget", "batch_size", "gpu_layers")
    at_once(*(start("config", "set", name, "200") for name in names), start("config", "unset", "threads"))
    written = tomllib.loads((Path(home["MULL_CONFIG_DIR"]) / "config.toml").read_text())
    assert written == dict.fromkeys(names, 200)


def test_a_setting_is_not_lost_to_an_open_editor(
    mull: Run, start: Start, home: dict[str, str], tmp_path: Path
) -> None:
    editor, opened, close = tmp_path / "editor", tmp_path / "opened", tmp_path / "close"
    editor.write_text(
        f'#!/bin/sh\necho "top_k = 7" >> "$1"; touch {opened}; until [ -e {close} ]; do sleep 0.05; done\n'
    )
    editor.chmod(0o755)
    home["EDITOR"] = str(editor)
    edit = start("config", "edit")
    wait_for(opened.exists)
    refused = mull("config", "set", "seed", "1")
    assert refused.returncode == 1
    assert f"config.toml is being written by another mull (process {edit.pid}).".encode() in refused.stderr
    close.touch()
    at_once(edit)
    assert mull("config", "set", "seed", "1").returncode == 0
    assert [mull("config", "get", name).stdout for name in ("top_k", "seed")] == [b"7\n", b"1\n"]


def test_a_template_has_one_editor_at_a_time(
    mull: Run, start: Start, home: dict[str, str], tmp_path: Path
) -> None:
    editor, opened, close = tmp_path / "editor", tmp_path / "opened", tmp_path / "close"
    editor.write_text(f"#!/bin/sh\ntouch {opened}; until [ -e {close} ]; do sleep 0.05; done\n")
    editor.chmod(0o755)
    home["EDITOR"] = str(editor)
    edit = start("templates", "edit", "mine")
    wait_for(opened.exists)
    refused = mull("templates", "edit", "mine")
    assert refused.returncode == 1
    assert f"mine.toml is being written by another mull (process {edit.pid}).".encode() in refused.stderr
    close.touch()
    at_once(edit)
    assert mull("templates", "edit", "mine").returncode == 0
    assert [file.name for file in (Path(home["MULL_CONFIG_DIR"]) / "templates").iterdir()] == ["mine.toml"]


def test_folders_that_are_trusted_at_once_are_all_trusted(
    mull: Run, start: Start, home: dict[str, str], tmp_path: Path
) -> None:
    folders = [tmp_path / f"project {number}" for number in range(8)]
    for folder in folders:
        folder.mkdir(mode=0o700)
    at_once(*(start("templates", "trust", folder) for folder in folders))
    listed = json.loads(mull("templates", "list", "--json").stdout)["trusted_folders"]
    assert sorted(listed) == sorted(str(folder.resolve()) for folder in folders)
    at_once(*(start("templates", "untrust", folder) for folder in folders[1:]))
    assert json.loads(mull("templates", "list", "--json").stdout)["trusted_folders"] == [
        str(folders[0].resolve())
    ]


def run_python(script: str, count: int, home: dict[str, str]) -> None:
    """Run the script in `count` processes at once; `sys.argv[1]` is the number of the process."""
    command = [sys.executable, "-c", script]
    running = [subprocess.Popen([*command, str(number)], env=home) for number in range(count)]
    assert [process.wait() for process in running] == [0] * count


def test_answers_cached_at_once_are_all_cached(home: dict[str, str], tmp_path: Path) -> None:
    cache = tmp_path / "cache.json"
    run_python(
        "import sys; from pathlib import Path; from mull.fs.json_cache import JsonCache\n"
        f"for n in range(10): JsonCache(Path({str(cache)!r})).put(f'{{sys.argv[1]}} {{n}}', {{'n': n}})",
        4,
        home,
    )
    assert len(json.loads(cache.read_text())) == 40


def test_lines_of_history_are_neither_lost_nor_torn(home: dict[str, str], tmp_path: Path) -> None:
    history = tmp_path / "history"
    run_python(
        "import sys; from pathlib import Path; from mull.terminal.input.history import open_history\n"
        f"history = open_history(Path({str(history)!r}))\n"
        "for n in range(20): history.store_string('\\n'.join([f'{sys.argv[1]} {n} ' + 'x' * 3000] * 4))",
        4,
        home,
    )
    from mull.terminal.input.history import open_history

    entries = list(open_history(history).load_history_strings())
    assert sorted(entry.split(" x")[0] for entry in entries) == sorted(
        f"{process} {number}" for process in range(4) for number in range(20)
    )
    for entry in entries:
        lines = entry.split("\n")
        assert lines == lines[:1] * 4


# Sessions


def questions(mull: Run, session: str) -> list[str]:
    """What `mull sessions show` prints of the questions."""
    lines = mull("sessions", "show", session).stdout.decode().splitlines()
    return [line[2:] for line in lines if line.startswith("> ")]


def test_many_asks_into_one_new_session_are_all_in_it(mull: Run, start: Start, thinker: Path) -> None:
    asked = [f"question {number}" for number in range(8)]
    at_once(*(start("ask", "--session", "new", "-m", thinker, "--no-reason", question) for question in asked))
    assert sorted(questions(mull, "new")) == asked
    assert len(json.loads(mull("sessions", "list", "--json").stdout)["sessions"]) == 1
    exported = mull("sessions", "export", "new", "--format", "md").stdout.decode()
    assert all(f"> {question}\n" in exported for question in asked)
    after = json.loads(mull("ask", "--session", "new", "-m", thinker, "--json", "and then?").stdout)
    assert after["usage"]["prompt"] > 8 * len("question 0")
    assert len(questions(mull, "new")) == 9


def test_renames_at_once_have_one_winner(mull: Run, start: Start, thinker: Path) -> None:
    for name in ("one", "two", "three"):
        assert mull("ask", "--session", name, "-m", thinker, "hi").returncode == 0
    running = [start("sessions", "rename", name, "best") for name in ("one", "two", "three")]
    assert sorted((process.communicate(), process.returncode)[1] for process in running) == [0, 2, 2]
    names = [each["name"] for each in json.loads(mull("sessions", "list", "--json").stdout)["sessions"]]
    assert names.count("best") == 1
    assert len(names) == 3


def test_the_question_of_a_process_killed_while_loading_is_in_the_session(
    mull: Run, start: Start, thinker: Path, tmp_path: Path, home: dict[str, str]
) -> None:
    assert mull("ask", "--session", "x", "-m", thinker, "the first?").returncode == 0
    pipe = tmp_path / "model.gguf"  # whoever reads it waits for ever
    os.mkfifo(pipe)
    (tmp_path / "slow.py").write_text(
        "import sys\n"
        "from mull.backends import local\n"
        "from mull.__main__ import main\n"
        f"local.load = lambda *a, **k: open({str(pipe)!r}, 'rb').read()\n"
        "sys.argv = ['mull', 'ask', '--session', 'x', 'the second?']\n"
        "main()\n"
    )
    with subprocess.Popen([sys.executable, tmp_path / "slow.py"], env=home, cwd=tmp_path) as process:
        wait_for(lambda: "the second?" in questions(mull, "x"))
        process.kill()
    assert questions(mull, "x") == ["the first?", "the second?"]
    assert mull("ask", "--session", "x", "-m", thinker, "the third?").returncode == 0
    assert questions(mull, "x") == ["the first?", "the second?", "the third?"]


def test_a_model_that_does_not_load_leaves_no_question(mull: Run, thinker: Path, tmp_path: Path) -> None:
    assert mull("ask", "--session", "x", "-m", thinker, "one?").returncode == 0
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + bytes(100))
    assert mull("ask", "--session", "x", "-m", tmp_path / "bad.gguf", "two?").returncode == 1
    assert mull("ask", "-m", tmp_path / "bad.gguf", "three?").returncode == 1
    assert questions(mull, "x") == ["one?"]
    assert len(json.loads(mull("sessions", "list", "--json").stdout)["sessions"]) == 1


# A state folder that cannot be written, or read


@pytest.fixture
def read_only(home: dict[str, str], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Run mull with a state folder on a file system that is mounted read-only."""
    state = home["MULL_STATE_DIR"]
    mount = f'mount --bind "{state}" "{state}" && mount -o remount,ro,bind "{state}" && exec "$@"'
    inside = ["unshare", "--mount", "--map-root-user", "sh", "-c", mount, "sh"]
    if (
        not shutil.which("unshare")
        or subprocess.run([*inside, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("needs namespaces")

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
        command = [*inside, sys.executable, "-m", "mull", *map(str, arguments)]
        return subprocess.run(command, env=home, cwd=tmp_path, input=b"", capture_output=True, check=False)

    return run


def test_sessions_of_a_read_only_folder_are_read_and_continued(
    mull: Run, read_only: Run, thinker: Path
) -> None:
    assert mull("ask", "--session", "x", "-m", thinker, "one?").returncode == 0
    assert b"one?" in read_only("sessions", "show", "x").stdout
    text = read_only("ask", "-c", "-q", "-m", thinker, "two?")
    assert (text.returncode, text.stdout) == (0, b"Forty-two.\n")
    assert b"cannot be saved" in text.stderr
    result = json.loads(read_only("ask", "-c", "--json", "-m", thinker, "two?").stdout)
    alone = json.loads(read_only("ask", "--no-save", "--json", "-m", thinker, "two?").stdout)
    assert result["usage"]["prompt"] > alone["usage"]["prompt"]  # the first turn is part of it
    assert "notices" not in alone
    assert [notice["code"] for notice in result["notices"]] == ["not_saved"]
    assert result["session"] is None
    assert questions(mull, "x") == ["one?"]


def test_without_its_history_a_session_is_not_continued(mull: Run, thinker: Path, tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("no folder")
    blocked = {"MULL_STATE_DIR": str(tmp_path / "blocked" / "state")}
    for flags in (["-c"], ["--session", "x"]):
        done = mull("ask", *flags, "-m", thinker, "one?", env=blocked)
        assert (done.returncode, done.stdout) == (1, b"")
        assert b"Sessions cannot be saved" in done.stderr
    done = mull("ask", "--jsonl", "-m", thinker, "one?", env=blocked)
    lines = results(done.stdout)
    assert lines[-1]["answer"] == "Forty-two."
    assert "not_saved" in [line.get("code") for line in lines]
    assert b"not saved" in mull("ask", "-q", "-m", thinker, "one?", env=blocked).stderr

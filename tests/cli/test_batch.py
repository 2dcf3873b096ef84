"""`mull batch` in a script: JSON Lines in and out, with invalid lines, interruptions and resuming."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.cli.conftest import CHATML
from tests.conftest import Run
from tests.model_files.scripted import write_scripted

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "output.schema.json").read_text(encoding="utf-8"))
Finished = subprocess.CompletedProcess[bytes]


def jsonl(*lines: Any) -> bytes:
    """Bytes are lines as they are; anything else is written as JSON."""
    return b"".join(
        line + b"\n" if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines
    )


def results(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def ids(data: bytes) -> list[Any]:
    return [result["id"] for result in results(data)]


def test_every_line_gets_the_result_of_ask_and_its_id(mull: Run, thinker: Path) -> None:
    lines = jsonl(
        "what?", {"id": "a", "prompt": "what?"}, {"messages": [{"role": "user", "content": "what?"}]}
    )
    done = mull("batch", "-m", thinker, stdin=lines)
    alone = json.loads(mull("-m", thinker, "--json", "--no-save", "what?").stdout)
    assert done.returncode == 0
    found = results(done.stdout)
    assert [(result["id"], result["line"]) for result in found] == [(1, 1), ("a", 2), (3, 3)]
    for result in found:
        assert set(result) == {*alone, "id", "line", "input"}
        assert {key: result[key] for key in ("v", "answer", "thinking", "reasoning", "finish", "error")} == {
            key: alone[key] for key in ("v", "answer", "thinking", "reasoning", "finish", "error")
        }
    assert b"3 lines" in done.stderr


def test_a_file_and_quiet(mull: Run, thinker: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(jsonl("one?", "two?"))
    done = mull("batch", "in.jsonl", "-q", "-m", thinker)
    assert (ids(done.stdout), done.stderr) == ([1, 2], b"")


def test_blank_lines_are_numbered_but_skipped(mull: Run, thinker: Path) -> None:
    done = mull("batch", "-", "-m", thinker, stdin=b'\xef\xbb\xbf"one?"\r\n\n  \n"two?"')
    assert (done.returncode, ids(done.stdout)) == (0, [1, 4])


def test_a_line_can_override_settings(mull: Run, thinker: Path) -> None:
    lines = jsonl(
        {"prompt": "hi", "reason": False},
        {"prompt": "hi", "max_tokens": 3},
        {"prompt": "hi", "stop": "-tw"},
        {"prompt": "hi", "think_budget": 0, "seed": 1, "temperature": 0.5, "top_k": 3, "system": "Be brief."},
    )
    found = results(mull("batch", "-m", thinker, "--effort", "high", stdin=lines).stdout)
    assert [result["answer"] for result in found][:3] == ["42", "", "Forty"]
    assert [result["finish"] for result in found][:3] == ["stop", "thinking", "stop"]
    assert [result["reasoning"]["asked"] for result in found] == ["off", "high", "high", "high"]
    assert found[3]["usage"]["prompt"] > found[2]["usage"]["prompt"]


def test_the_flags_are_the_lines_defaults(mull: Run, thinker: Path) -> None:
    lines = jsonl("hi", {"prompt": "hi", "reason": True})
    found = results(mull("batch", "-m", thinker, "--no-reason", stdin=lines).stdout)
    assert [result["answer"] for result in found] == ["42", "Forty-two."]


def test_a_think_budget_applies_to_each_line(mull: Run, tmp_path: Path) -> None:
    musing = ["<think>", "\nhm", *(f" and{i}" for i in range(60)), "</think>", "\n\nDone", "."]
    model = write_scripted(
        tmp_path / "musing.gguf",
        musing,
        template=CHATML,
        user_defined=["<think>", "</think>"],
        starts={"\n\n": ["Short", "."]},
    )
    lines = jsonl(*({"prompt": "hi", "think_budget": budget} for budget in (5, 20, 500)))
    found = results(mull("batch", "-m", model, stdin=lines).stdout)
    assert [result["answer"] for result in found] == ["Short.", "Short.", "Done."]
    assert [result["usage"]["thinking"] for result in found] == [5, 20, 63]


def test_a_line_can_have_its_own_schema(mull: Run, thinker: Path) -> None:
    lines = jsonl(
        {"prompt": "hi", "schema": {"type": "integer"}},
        {"prompt": "hi", "schema": {"type": "array", "items": {"type": "null"}, "maxItems": 0}},
        {"prompt": "hi", "schema": {"type": "nonsense"}},
        {"prompt": "hi"},
    )
    done = mull("batch", "-m", thinker, "--no-reason", stdin=lines)
    assert done.returncode == 1
    number, array, refused, free = results(done.stdout)
    assert json.loads(number["answer"]) == 42
    assert json.loads(array["answer"]) == []
    assert refused["error"]["code"] == "invalid_schema"
    assert free["answer"] == "42"


BAD = {
    b"{nonsense": "invalid_json",
    b"\xff\xfe": "invalid_json",
    b"[" * 100_000: "invalid_json",
    b'{"prompt": NaN}': "invalid_json",
    b"17": "invalid_line",
    b"{}": "invalid_line",
    b'{"prompt": "hi", "messages": []}': "invalid_line",
    b'{"prompt": "  "}': "missing_prompt",
    b'{"prompt": "hi", "temprature": 1}': "unknown_key",
    b'{"prompt": "hi", "temperature": "hot"}': "invalid_setting",
    b'{"prompt": "hi", "effort": "some"}': "invalid_setting",
    b'{"prompt": "hi", "reason": false, "effort": "low"}': "conflicting_options",
    b'{"prompt": "hi", "stop": 1}': "invalid_setting",
    b'{"prompt": "hi", "schema": 1}': "invalid_setting",
    b'{"prompt": "hi", "id": [1]}': "invalid_id",
    b'{"prompt": "hi", "id": 1e999}': "invalid_id",
    b'{"prompt": "hi", "id": "good"}': "duplicate_id",
    b'{"messages": [{"role": "user"}]}': "invalid_messages",
    b'{"messages": [{"role": "judge", "content": "hi"}]}': "invalid_messages",
    b'{"messages": [{"role": "assistant", "content": "hi"}]}': "invalid_messages",
}


def test_an_invalid_line_affects_only_its_own_result(mull: Run, thinker: Path) -> None:
    done = mull("batch", "-m", thinker, stdin=jsonl({"prompt": "hi", "id": "good"}, *BAD, "hi"))
    assert done.returncode == 1
    first, *failed, last = results(done.stdout)
    assert first["answer"] == last["answer"] == "Forty-two."
    for result in (first, *failed):
        jsonschema.validate(result, SCHEMA)
    assert [result["error"]["code"] for result in failed] == list(BAD.values())
    assert all(result["answer"] is None and result["finish"] == "error" for result in failed)
    assert all(result["error"]["hint"] for result in failed)
    assert b"Traceback" not in done.stderr
    assert f"{len(BAD)} failed".encode() in done.stderr


def test_a_mistyped_key_is_named(mull: Run, thinker: Path) -> None:
    done = mull("batch", "-m", thinker, stdin=jsonl({"prompt": "hi", "temprature": 1}))
    error = results(done.stdout)[0]["error"]
    assert "temprature" in error["message"]
    assert "temperature" in error["hint"]


def test_a_line_longer_than_the_context_fails_alone(mull: Run, thinker: Path) -> None:
    long = "word " * 400
    done = mull("batch", "-m", thinker, "--ctx", "256", stdin=jsonl("one?", long, "three?"))
    assert done.returncode == 1
    first, second, third = results(done.stdout)
    assert second["error"]["code"] == "context_overflow"
    assert first["answer"] == third["answer"] == "Forty-two."


def test_the_exit_code_when_some_answers_are_incomplete(mull: Run, thinker: Path) -> None:
    assert mull("batch", "-m", thinker, "--max-tokens", "3", stdin=jsonl("hi")).returncode == 4
    assert mull("batch", "-m", thinker, "--no-reason", "--max-tokens", "1", stdin=jsonl("hi")).returncode == 0


def test_ten_thousand_lines_with_broken_ones_among_them(mull: Run, thinker: Path) -> None:
    lines = [b"{broken" if i % 10 else {"id": i, "prompt": f"question {i}"} for i in range(10_000)]
    done = mull("batch", "-m", thinker, "--no-reason", stdin=jsonl(*lines), timeout=100)
    assert done.returncode == 1
    found = results(done.stdout)
    assert [result["id"] for result in found] == [i + 1 if i % 10 else i for i in range(10_000)]
    assert all((result["error"] is None) == (i % 10 == 0) for i, result in enumerate(found))
    assert {result["answer"] for result in found[::10]} == {"42"}


@pytest.mark.parametrize("parallel", ["1", "3", "32"])
def test_results_come_in_the_order_of_the_input(mull: Run, thinker: Path, parallel: str) -> None:
    lines = [{"id": f"q{i}", "prompt": "hi", "reason": bool(i % 3 == 0)} for i in range(40)]
    done = mull("batch", "-m", thinker, "--parallel", parallel, stdin=jsonl(*lines))
    assert ids(done.stdout) == [f"q{i}" for i in range(40)]
    assert {r["answer"] for r in results(done.stdout)[::3]} == {"Forty-two."}


def test_unordered_writes_results_as_they_finish(mull: Run, thinker: Path) -> None:
    lines = [{"id": "slow", "prompt": "hi", "reason": True}, {"id": "quick", "prompt": "hi", "reason": False}]
    done = mull("batch", "-m", thinker, "--unordered", stdin=jsonl(*lines))
    assert ids(done.stdout) == ["quick", "slow"]


def test_logprobs_are_in_the_result(mull: Run, thinker: Path) -> None:
    done = mull("batch", "-m", thinker, "--no-reason", "--logprobs", "2", stdin=jsonl("hi", "ho"))
    for result in results(done.stdout):
        assert "".join(chance["token"] for chance in result["logprobs"]) == "42"
        assert all(len(chance["top"]) == 2 for chance in result["logprobs"])


def test_a_shared_system_prompt_is_computed_once(mull: Run, thinker: Path) -> None:
    lines = [{"prompt": f"question {i}", "reason": False} for i in range(12)]
    system = "You answer with a number. " * 10
    done = mull("batch", "-m", thinker, "-s", system, "--parallel", "4", stdin=jsonl(*lines))
    cached = [result["usage"]["cached"] for result in results(done.stdout)]
    assert cached[0] == 0
    assert all(count >= len(system) for count in cached[1:])


def test_results_go_to_a_file_and_nothing_to_stdout(mull: Run, thinker: Path, tmp_path: Path) -> None:
    done = mull("batch", "-m", thinker, "-o", "out.jsonl", stdin=jsonl("one?", "two?"))
    assert (done.returncode, done.stdout) == (0, b"")
    assert ids((tmp_path / "out.jsonl").read_bytes()) == [1, 2]


def resumed(
    mull: Run, model: Path, out: Path, left: bytes, *lines: Any, flags: Sequence[str] = ()
) -> Finished:
    out.write_bytes(left)
    return mull("batch", "-m", model, "-o", out, *flags, stdin=jsonl(*lines))


@pytest.fixture
def whole(mull: Run, thinker: Path) -> bytes:
    """The results of the lines "one?", "two?" and "three?"."""
    return mull("batch", "-m", thinker, stdin=jsonl("one?", "two?", "three?")).stdout


def test_finished_lines_are_not_run_again(mull: Run, thinker: Path, tmp_path: Path, whole: bytes) -> None:
    out = tmp_path / "out.jsonl"
    left = b"".join(whole.splitlines(keepends=True)[:2])
    done = resumed(mull, thinker, out, left, "one?", "two?", "three?")
    assert done.returncode == 0
    assert out.read_bytes().startswith(left)
    assert ids(out.read_bytes()) == [1, 2, 3]
    assert b"already has 2 answers" in done.stderr
    assert b"1 line in" in done.stderr


def test_a_finished_batch_loads_no_model(mull: Run, thinker: Path, tmp_path: Path, whole: bytes) -> None:
    out, lines = tmp_path / "out.jsonl", tmp_path / "in.jsonl"
    lines.write_bytes(jsonl("one?", "two?", "three?"))
    out.write_bytes(whole)
    gone = tmp_path / "thinker.gguf"  # of the same name, and no model
    gone.write_bytes(b"GGUF" + bytes(100))
    done = mull("batch", lines, "-m", gone, "-o", out)
    assert (done.returncode, out.read_bytes()) == (0, whole)
    assert b"answer already" in done.stderr


def test_a_partially_written_result_is_removed_on_resume(
    mull: Run, thinker: Path, tmp_path: Path, whole: bytes
) -> None:
    out = tmp_path / "out.jsonl"
    first, second, _ = whole.splitlines(keepends=True)
    for left in (first + second[:30], first + second[:-1], first[:5], first[:60]):
        done = resumed(mull, thinker, out, left, "one?", "two?", "three?")
        assert (done.returncode, ids(out.read_bytes())) == (0, [1, 2, 3])


def test_failed_lines_are_run_again(mull: Run, thinker: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    lines = jsonl("one?", "word " * 400, "three?")
    assert mull("batch", "-m", thinker, "--ctx", "256", "-o", out, stdin=lines).returncode == 1
    assert mull("batch", "-m", thinker, "-o", out, stdin=lines).returncode == 0
    assert sorted(ids(out.read_bytes())) == [1, 2, 3]
    assert all(result["error"] is None for result in results(out.read_bytes()))


def test_an_output_file_of_another_batch_is_not_touched(
    mull: Run, thinker: Path, tmp_path: Path, whole: bytes
) -> None:
    out = tmp_path / "out.jsonl"
    other_model = whole.replace(b'"model": "thinker"', b'"model": "another"')
    assert other_model != whole
    for left in (b"my notes\n", b"notes without an end", other_model, b'{"v": 1}\n'):
        done = resumed(mull, thinker, out, left, "one?")
        assert (done.returncode, out.read_bytes()) == (2, left)
        assert b"--overwrite" in done.stderr
    done = resumed(mull, thinker, out, whole, "another question?")
    assert (done.returncode, out.read_bytes()) == (2, whole)
    done = resumed(mull, thinker, out, b"my notes\n", "one?", flags=["--overwrite"])
    assert (done.returncode, ids(out.read_bytes())) == (0, [1])


def test_wrong_use(mull: Run, thinker: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(jsonl("hi"))
    for arguments, code in (
        (["missing.jsonl"], 1),
        ([str(tmp_path)], 1),
        (["in.jsonl", "--overwrite"], 2),
        (["in.jsonl", "-o", "in.jsonl"], 2),
        (["in.jsonl", "--parallel", "0"], 2),
        (["in.jsonl", "-c"], 2),
    ):
        done = mull("batch", *arguments, "-m", thinker)
        assert (done.returncode, done.stdout) == (code, b"")
        assert len(done.stderr.strip().splitlines()) == 2
    assert (tmp_path / "in.jsonl").read_bytes() == jsonl("hi")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_an_error_and_the_batch_can_resume(mull: Run, thinker: Path) -> None:
    done = mull("batch", "-m", thinker, "-o", "/dev/full", stdin=jsonl("hi"))
    assert done.returncode == 1
    assert b"/dev/full could not be written" in done.stderr
    assert b"same command resumes" in done.stderr


def test_no_lines_no_results(mull: Run, thinker: Path) -> None:
    done = mull("batch", "-m", thinker, stdin=b"\n\n")
    assert (done.returncode, done.stdout) == (0, b"")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes and signals")
class TestPipes:
    """Streaming, signals and closed pipes, observed while the process runs."""

    @pytest.fixture
    def slow(self, tmp_path: Path) -> Path:
        """Answers "42" without thinking, and at great length with it."""
        words = [f" word{i}" for i in range(1000)]
        return write_scripted(
            tmp_path / "slow.gguf",
            ["<think>", "</think>", *words],
            starts={"\n\n": ["42"]},
            template=CHATML,
            user_defined=["<think>", "</think>"],
            n_ctx=8192,
            width=512,
        )

    def start(self, home: dict[str, str], model: Path, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "mull", "batch", "-m", str(model), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=home,
        )

    def test_a_result_comes_before_the_input_has_ended(self, home: dict[str, str], thinker: Path) -> None:
        with self.start(home, thinker) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            for question in ("one?", "two?"):
                process.stdin.write(jsonl(question))
                process.stdin.flush()
                assert json.loads(process.stdout.readline())["answer"] == "Forty-two."
            process.stdin.close()
            assert process.wait(20) == 0

    def test_an_endless_input_is_read_only_as_far_as_needed(
        self, home: dict[str, str], thinker: Path
    ) -> None:
        yes = subprocess.Popen(["yes", '"hi"'], stdout=subprocess.PIPE)
        batch = subprocess.Popen(
            [sys.executable, "-m", "mull", "batch", "-m", str(thinker), "--no-reason"],
            stdin=yes.stdout,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=home,
        )
        with yes, batch:
            assert yes.stdout is not None
            assert batch.stdout is not None
            assert batch.stderr is not None
            yes.stdout.close()
            for _ in range(100):
                assert json.loads(batch.stdout.readline())["answer"] == "42"
            batch.stdout.close()  # `| head -100`
            assert batch.wait(20) == 0
            assert batch.stderr.read() == b""
            yes.kill()

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_an_interrupted_batch_resumes(
        self, home: dict[str, str], slow: Path, tmp_path: Path, number: signal.Signals
    ) -> None:
        out = tmp_path / "out.jsonl"
        lines = [{"id": i, "prompt": "hi", "reason": i in {2, 5}, "max_tokens": 990} for i in range(8)]
        with self.start(home, slow, "-o", str(out), "--parallel", "4") as process:
            assert process.stdin is not None
            assert process.stderr is not None
            process.stdin.write(jsonl(*lines))
            process.stdin.close()
            deadline = time.monotonic() + 60
            while (not out.exists() or not out.read_bytes()) and time.monotonic() < deadline:
                time.sleep(0.02)
            process.send_signal(number)
            assert process.wait(20) == -number
            said = process.stderr.read().decode()
        assert "same command resumes" in said
        assert "Traceback" not in said
        written = results(out.read_bytes())
        assert {0, 1} <= {result["id"] for result in written} <= {0, 1, 3, 4, 6, 7}
        assert {result["finish"] for result in written} == {"stop"}

        with self.start(home, slow, "-o", str(out)) as process:
            process.communicate(jsonl(*lines), 60)
            assert process.returncode == 0
        assert sorted(ids(out.read_bytes())) == list(range(8))
        assert results(out.read_bytes())[: len(written)] == written

    def test_an_idle_input_does_not_delay_an_interruption(self, home: dict[str, str], thinker: Path) -> None:
        with self.start(home, thinker) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(jsonl("one?"))
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == 1
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == -signal.SIGINT
            assert process.stderr is not None
            assert b"Interrupted" in process.stderr.read()

    def test_endless_nonsense_can_be_interrupted(self, home: dict[str, str], thinker: Path) -> None:
        yes = subprocess.Popen(["yes", "nonsense"], stdout=subprocess.PIPE)
        batch = subprocess.Popen(
            [sys.executable, "-m", "mull", "batch", "-m", str(thinker)],
            stdin=yes.stdout,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=home,
        )
        with yes, batch:
            assert yes.stdout is not None
            assert batch.stdout is not None
            yes.stdout.close()
            assert json.loads(batch.stdout.readline())["error"]["code"] == "invalid_json"
            batch.send_signal(signal.SIGINT)
            batch.stdout.read()
            assert batch.wait(20) == -signal.SIGINT
            yes.kill()

    def test_a_kill_loses_only_the_running_lines(
        self, home: dict[str, str], slow: Path, tmp_path: Path
    ) -> None:
        out = tmp_path / "out.jsonl"
        lines = jsonl(*({"id": f"l{i}", "prompt": "hi", "reason": i == 2} for i in range(4)))
        with self.start(home, slow, "-o", str(out), "--unordered", "--parallel", "4") as process:
            assert process.stdin is not None
            process.stdin.write(lines)
            process.stdin.close()
            deadline = time.monotonic() + 60
            while (not out.exists() or out.read_bytes().count(b"\n") < 3) and time.monotonic() < deadline:
                time.sleep(0.02)
            process.kill()
        assert sorted(ids(out.read_bytes())) == ["l0", "l1", "l3"]
        with self.start(home, slow, "-o", str(out)) as process:
            process.communicate(lines, 60)
            assert process.returncode == 0
        assert ids(out.read_bytes())[3:] == ["l2"]

"""A model whose chat template turns hostile at the question: a sentence in every command, and a stop at once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mull.backends.local import LocalBackend
from mull.chat_template.process import stoppable
from mull.control import TurnControl
from mull.errors import Interrupted
from mull.messages import Message
from mull.models.resolve import resolve
from mull.settings import EngineSettings, TurnSettings
from tests.model_files.scripted import write_scripted
from tests.reasoning import templates
from tests.waiting import wait_until_busy

SLOW = "{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}{% endfor %}"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It answers, but a question of 15 characters runs in circles; one of 16 takes 40 million list members."""
    template = (
        f"{{% if messages[-1].content | length == 15 %}}{SLOW}{{% endif %}}"
        "{% if messages[-1].content | length == 16 %}{{ [1] | batch(linecount=40000000, fill_with=1) }}{% endif %}"
        + templates.PLAIN
    )
    return write_scripted(
        tmp_path_factory.mktemp("hostile") / "hostile.gguf", ["Forty", "-two", "."], template=template
    )


def mull(home: dict[str, str], *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mull", *arguments],
        input=text,
        capture_output=True,
        text=True,
        env=home,
        timeout=60,
        check=False,
    )


def test_a_one_shot_ends_with_a_sentence(home: dict[str, str], hostile: Path) -> None:
    done = mull(home, "ask", "--no-save", "-m", str(hostile), "123456789012345")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: The model's chat template was stopped: it runs too long.")
    assert done.stdout == ""


def test_a_batch_goes_past_the_lines_that_are_stopped(home: dict[str, str], hostile: Path) -> None:
    lines = [
        json.dumps({"prompt": text})
        for text in ("1234567890123456", "Well?!?", "1234567890123456", "Really?")
    ]
    done = mull(home, "batch", "-m", str(hostile), text="\n".join(lines))
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [result.get("answer") or result["error"]["code"] for result in results] == [
        "chat_template_limit",
        "Forty-two.",
        "chat_template_limit",
        "Forty-two.",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_renders_ends_mull(
    home: dict[str, str], hostile: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-m", "mull", "--jsonl", "--no-save", "-m", str(hostile), "123456789012345"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=home)
    with process:
        assert process.stdout is not None
        process.stdout.readline()  # it loads
        wait_until_busy(process.pid, 0.2)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        assert process.returncode in (-number, 1)  # 1: it had been stopped for its time already
        assert "Traceback" not in errors


def test_counting_the_tokens_of_a_question_can_be_stopped(hostile: Path) -> None:
    """As the chat does before it asks; the caller's check for a stop holds within the backend."""
    backend = LocalBackend(resolve(str(hostile)), EngineSettings(threads=1))
    try:
        list(backend.load(TurnControl()))
        assert backend.count_tokens([Message("user", "hi")], TurnSettings()).value > 0
        until = time.monotonic() + 0.1
        with stoppable(lambda: time.monotonic() > until), pytest.raises(Interrupted):
            backend.count_tokens([Message("user", "123456789012345")], TurnSettings())
    finally:
        backend.close()

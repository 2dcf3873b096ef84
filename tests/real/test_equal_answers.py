"""Fifty questions, greedy: the same answers one by one, in a batch and from llama.cpp's own `llama-completion`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from mull.backends.base import ChatBackend
from tests.bench import peers
from tests.conftest import Run
from tests.real.questions import FACTS, QUESTIONS, TIE, TOKENS, Answer, greedy

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

# The model's chat template, by hand: what mull makes of it is a part of what is compared.
PROMPT = (
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
    "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
)


@pytest.fixture(scope="module")
def alone(backend: ChatBackend) -> Mapping[str, Answer]:
    """The answers, one by one."""
    return {question: greedy(backend, question) for question in QUESTIONS}


def check_equal(ours: Mapping[str, Answer], others: Mapping[str, str], *, ties: int) -> None:
    """Equal answers, but for at most so many that part at a near tie."""
    leads = {question: ours[question].lead(text) for question, text in others.items()}
    parted = {question: lead for question, lead in leads.items() if lead is not None}
    assert all(lead < TIE for lead in parted.values()), parted
    assert len(parted) <= ties, parted


def test_it_knows_some_facts(alone: Mapping[str, Answer]) -> None:
    wrong = {
        question: alone[question].text for question, fact in FACTS.items() if fact not in alone[question].text
    }
    assert not wrong


def test_a_batch_gives_the_answers_of_one_by_one(alone: Mapping[str, Answer], smol: Run) -> None:
    lines = [json.dumps({"id": question, "prompt": question, "max_tokens": TOKENS}) for question in QUESTIONS]
    done = smol(command="batch", stdin="\n".join(lines).encode())
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(result["id"] for result in results) == sorted(QUESTIONS)
    check_equal(alone, {result["id"]: result["answer"] for result in results}, ties=25)


def test_llama_completion_gives_the_same_answers(alone: Mapping[str, Answer], path: Path) -> None:
    tool = peers.tool("llama-completion")
    if tool is None:
        pytest.skip("llama.cpp's own tools are not built: make bench-peers")
    check_equal(alone, {question: completion(tool, path, question) for question in QUESTIONS}, ties=2)


def completion(tool: Path, model: Path, question: str) -> str:
    """What llama-completion answers."""
    flags = ["-t", "1", "-c", "512", "-no-cnv", "--no-display-prompt", "--no-warmup", "--temp", "0"]
    command = [tool, "-m", model, *flags, "-n", str(TOKENS), "-p", PROMPT.format(question)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    # It ends with two line ends; and with a remark and another line end where the model ended its answer.
    return done.stdout.removesuffix("\n").removesuffix("\n").removesuffix(" [end of text]\n")

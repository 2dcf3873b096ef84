"""Benchmark programs of others as clients of `mull serve`: the recipes of docs/evaluation.md, with the real programs.

`make benchmarks` installs them into an environment of their own; without it these tests are skipped.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.server.conftest import RunningServer, Start

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(os.environ.get("MULL_TEST_BENCHMARKS", ROOT / ".benchmarks")) / "bin"
SECTION = (
    (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8").partition("\n## Other benchmarks\n")[2]
)
PORT = "127.0.0.1:8484"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def block(language: str, after: str = "") -> str:
    """The first code block in this language, after this heading."""
    found = re.search(rf"```{language}\n(.*?)```", SECTION[SECTION.index(after) :], re.DOTALL)
    assert found is not None
    return found[1]


@dataclass
class Recipe:
    """A folder with the files of the docs, and a server that answers as they say."""

    folder: Path
    server: RunningServer

    def run(self, program: str, heading: str, *more: str) -> str:
        """Run the last line of the recipe, as it stands there but for the server's port."""
        if not (PROGRAMS / program).exists():
            pytest.skip(f"{program} is not installed; make benchmarks installs it")
        lines = block("bash", heading).splitlines()
        exports = dict(
            word.split("=", 1) for line in lines if line.startswith("export ") for word in line.split()[1:]
        )
        assert lines[-1].split()[0] == program
        address = self.server.address.removeprefix("http://")
        done = subprocess.run(
            " ".join([lines[-1].replace(PORT, address), *more]),
            shell=True,
            cwd=self.folder,
            env={
                **{name: text.replace(PORT, address) for name, text in exports.items()},
                "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
                "HOME": str(self.folder),
                "HF_HUB_OFFLINE": "1",
                "INSPECT_DISPLAY": "plain",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=500,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def recipe(start_server: Start, tmp_path: Path) -> Iterator[Recipe]:
    (tmp_path / "questions.jsonl").write_text(block("json"), encoding="utf-8")
    (tmp_path / "sums.py").write_text(block("python", "### Inspect AI"), encoding="utf-8")
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "sums.yaml").write_text(block("yaml", "### lm-eval"), encoding="utf-8")
    server = start_server("-m", "pebble", "--log")
    yield Recipe(tmp_path, server)
    server.end()


def test_inspect_gets_answers_and_thinking(recipe: Recipe) -> None:
    """pebble is right in all four; a scorer that saw its thinking would find other numbers."""
    printed = recipe.run("inspect", "### Inspect AI", "--log-format json --log-dir logs")
    assert re.search(r"accuracy\s+1\.000", printed), printed
    (log,) = (recipe.folder / "logs").glob("*.json")
    found = json.loads(log.read_text(encoding="utf-8"))
    usage = found["stats"]["model_usage"]["openai-api/mull/pebble"]
    assert 0 < usage["reasoning_tokens"] < usage["output_tokens"]
    content = found["samples"][0]["output"]["choices"][0]["message"]["content"]
    assert [part["type"] for part in content] == ["reasoning", "text"]
    assert content[0]["reasoning"]
    assert "391" in content[1]["text"]


def test_inspect_switches_thinking_off(recipe: Recipe) -> None:
    recipe.run("inspect", "### Inspect AI", "--log-format json --log-dir logs --reasoning-effort none")
    (log,) = (recipe.folder / "logs").glob("*.json")
    usage = json.loads(log.read_text(encoding="utf-8"))["stats"]["model_usage"]["openai-api/mull/pebble"]
    assert not usage.get("reasoning_tokens")
    assert usage["output_tokens"] > 0


def test_lm_evaluation_harness_gets_answers(recipe: Recipe) -> None:
    printed = recipe.run("lm-eval", "### lm-eval", "--log_samples")
    (written,) = (recipe.folder / "results").rglob("results_*.json")
    found = json.loads(written.read_text(encoding="utf-8"))["results"]["sums"]
    assert found["exact_match,last-number"] == 1.0, printed
    (samples,) = (recipe.folder / "results").rglob("samples_sums_*.jsonl")
    answers = [json.loads(line)["resps"][0][0] for line in samples.read_text(encoding="utf-8").splitlines()]
    assert len(answers) == 4
    assert not any("<think>" in answer for answer in answers)

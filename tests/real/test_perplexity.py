"""The perplexity of a text through mull's decode loop is the one that llama-perplexity finds, to three digits.

Both decode every token alone, without flash attention. By default llama-perplexity computes 512 tokens at once, with
other kernels, whose rounding changes the figure by 0.3% (with and without flash attention its own differ by 0.5%).
"""

from __future__ import annotations

import math
import re
import statistics
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mull.engine.context import Context
from mull.engine.engine import Engine, Piece, Request
from mull.engine.model import load
from mull.engine.sampling.chain import Chain
from mull.settings import DRAFT_OFF, EngineSettings, Sampling
from tests.bench import peers
from tests.bench.drafting import Prescribed

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(900)]

WINDOW = 512  # tokens; llama-perplexity's default. It scores the second half of each window.
WINDOWS = 2
SETTINGS = EngineSettings(threads=1, draft=DRAFT_OFF, ctx=WINDOW, flash_attention=False)
PAGE = Path(__file__).parents[2] / "docs" / "reasoning.md"


class Scoring(Prescribed):
    """A chain that returns the tokens of a text, and adds up how surprising each of them was."""

    def __init__(self, chain: Chain, text: Sequence[int], n_vocab: int) -> None:
        super().__init__(chain, text)
        self.surprises: list[float] = []  # the negative logarithm of each token's probability
        self._n_vocab = n_vocab

    def sample(self, context: Context, row: int) -> int:
        token = next(self._script)
        logits = context.logits(row, self._n_vocab).astype(np.float64)
        rest = math.log(np.exp(logits - logits.max()).sum())
        self.surprises.append(rest + float(logits.max() - logits[token]))
        return token


def test_it_is_what_llama_perplexity_finds(path: Path, checked_state: Path, tmp_path: Path) -> None:
    tool = peers.tool("llama-perplexity")
    if tool is None:
        pytest.skip("llama.cpp's own tools are not built: make bench-peers")
    text = PAGE.read_text(encoding="utf-8")
    (tmp_path / "text").write_text(text, encoding="utf-8")
    alone = ("-ub", "1", "-fa", "off")
    flags = ["-t", "1", "-c", str(WINDOW), "-b", str(WINDOW), "--chunks", str(WINDOWS), *alone]
    done = subprocess.run(
        [tool, "-m", path, "-f", tmp_path / "text", *flags], capture_output=True, text=True, check=True
    )
    found = re.search(r"Final estimate: PPL = ([\d.]+)", done.stdout + done.stderr)
    assert found, done.stderr[-2000:]
    assert perplexity(path, checked_state, text) == pytest.approx(float(found[1]), rel=1e-4)


def perplexity(path: Path, state: Path, text: str) -> float:
    """Of the second halves of the first windows, each token decoded alone."""
    surprises: list[float] = []
    with load(path, SETTINGS, state_dir=state, trusted=True) as model, Engine(model, SETTINGS) as engine:
        tokens = model.tokenize(text, special=False)
        for start in range(0, WINDOWS * WINDOW, WINDOW):
            first, *others = tokens[start : start + WINDOW]
            answer = engine.generate(
                Request([first], Sampling(temperature=0), len(others), ignored_eog=range(model.n_vocab))
            )
            chain = Scoring(answer._chain, others, model.n_vocab)
            answer._chain = chain
            assert [event.token for event in answer if isinstance(event, Piece)] == others
            surprises += chain.surprises[WINDOW // 2 :]
    return math.exp(statistics.fmean(surprises))

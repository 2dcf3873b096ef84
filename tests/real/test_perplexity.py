"""The perplexity of a text through mull's decode loop, token by token, is the one that llama-perplexity finds.

Up to rounding: llama-perplexity computes 512 tokens at once, with other kernels. With and without flash attention its
own figures for the first window differ by 0.5%; mull's differed from its by 0.3%.
"""

from __future__ import annotations

import math
import re
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
WINDOWS = 4
SETTINGS = EngineSettings(threads=1, draft=DRAFT_OFF, ctx=WINDOW)
PAGE = Path(__file__).parents[2] / "docs" / "reasoning.md"


class Scoring(Prescribed):
    """A chain that returns the tokens of a text, and adds up how surprising each of them was."""

    def __init__(self, chain: Chain, text: Sequence[int], n_vocab: int) -> None:
        super().__init__(chain, text)
        self.surprise = 0.0  # the negative logarithm of the text's probability
        self._n_vocab = n_vocab

    def sample(self, context: Context, row: int) -> int:
        token = next(self._script)
        logits = context.logits(row, self._n_vocab).astype(np.float64)
        self.surprise += math.log(np.exp(logits - logits.max()).sum()) + float(logits.max() - logits[token])
        return token


def test_it_is_what_llama_perplexity_finds(path: Path, checked_state: Path, tmp_path: Path) -> None:
    tool = peers.tool("llama-perplexity")
    if tool is None:
        pytest.skip("llama.cpp's own tools are not built: make bench-peers")
    text = PAGE.read_text(encoding="utf-8")
    (tmp_path / "text").write_text(text, encoding="utf-8")
    flags = ["-t", "1", "-c", str(WINDOW), "-b", str(WINDOW), "--chunks", str(WINDOWS)]
    done = subprocess.run(
        [tool, "-m", path, "-f", tmp_path / "text", *flags], capture_output=True, text=True, check=True
    )
    found = re.search(r"Final estimate: PPL = ([\d.]+)", done.stdout + done.stderr)
    assert found, done.stderr[-2000:]
    assert perplexity(path, checked_state, text) == pytest.approx(float(found[1]), rel=0.01)


def perplexity(path: Path, state: Path, text: str) -> float:
    """Of the second halves of the first windows, each token decoded alone."""
    surprise, count = 0.0, 0
    with load(path, SETTINGS, state_dir=state, trusted=True) as model, Engine(model, SETTINGS) as engine:
        tokens = model.tokenize(text, special=False)
        for start in range(0, WINDOWS * WINDOW, WINDOW):
            window = tokens[start : start + WINDOW]
            given, scored = window[: WINDOW // 2 + 1], window[WINDOW // 2 + 1 :]
            answer = engine.generate(
                Request(given, Sampling(temperature=0), len(scored), ignored_eog=range(model.n_vocab))
            )
            chain = Scoring(answer._chain, scored, model.n_vocab)
            answer._chain = chain
            assert [event.token for event in answer if isinstance(event, Piece)] == scored
            surprise += chain.surprise
            count += len(scored)
    return math.exp(surprise / count)

"""How likely a token was, and which others were: read from a row of raw logits, before any sampler.

In: the logits of one row. Out: natural logarithms of probabilities, of the chosen token and of the likeliest ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mull.engine.request import Chances

if TYPE_CHECKING:
    from numpy.typing import NDArray


def chances(logits: NDArray[np.float32], token: int, top: int) -> Chances:
    """The log-softmax of the row at `token` and at its `top` greatest places, greatest first."""
    highest = logits.max()
    total = float(highest) + float(np.log(np.exp(logits - highest, dtype=np.float64).sum()))
    best = np.argpartition(logits, -top)[-top:] if top else np.zeros(0, np.int64)
    ranked = best[np.argsort(-logits[best], kind="stable")]
    return Chances(float(logits[token]) - total, tuple((int(t), float(logits[t]) - total) for t in ranked))

"""`python -m tests.real` (make test): install the model of these tests. Without a network they are skipped."""

from __future__ import annotations

from tests.real.weights import install

if why := install():
    print(f"The tests with real weights are skipped. {why}", flush=True)

"""Tests that run twice: with a model that this call loads, and with one that another process keeps loaded.

`@both_modes` on a test that uses the fixture `home`, directly or through another one. With `MULL_TEST_KEPT=1` in the
environment, every home keeps its models loaded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from mull.keep_alive import record, stopping

IN_PROCESS, KEPT = "in process", "kept loaded"
both_modes = pytest.mark.parametrize("home", [IN_PROCESS, KEPT], indirect=True)


def is_kept(request: pytest.FixtureRequest) -> bool:
    """Whether models are to be kept loaded in this test's home."""
    chosen = getattr(request, "param", None)
    return chosen == KEPT or (chosen is None and os.environ.get("MULL_TEST_KEPT") == "1")


def stop_servers(home: Mapping[str, str]) -> None:
    """End the servers of a home."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MULL_STATE_DIR", home["MULL_STATE_DIR"])
        if not (Path(home["MULL_STATE_DIR"]) / "kept").is_dir():
            return
        for server in record.running():
            stopping.stop(server, patience=0.5)

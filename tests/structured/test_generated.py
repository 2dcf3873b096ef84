"""Schemas by chance constrain a model with random weights: each answer is valid, or was cut."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.model_files.random_model import TINY, write_random
from tests.structured.generated import engine, outcome


def test_schemas_by_chance(tmp_path: Path, checked_state: Path) -> None:
    path = write_random(tmp_path / "tiny.gguf", TINY)
    with engine(path, checked_state) as made:
        found = Counter(outcome(made, seed) for seed in range(40))
    assert set(found) <= {"valid", "cut", "refused", "one of two"}
    assert found["valid"] > 20
    assert found["refused"] < 10

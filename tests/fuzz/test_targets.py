"""Every seed keeps the promises of its target, and a failure is stored and can be repeated."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import runner

SEEDS = [(name, path) for name in runner.NAMES for path in runner.seeds(name)]


@pytest.mark.parametrize(("name", "path"), SEEDS, ids=[f"{name}-{path.name}" for name, path in SEEDS])
def test_seeds(name: str, path: Path) -> None:
    runner.target(name)(path.read_bytes())


def test_an_input_that_fails_is_repeated_by_the_command_that_is_printed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz", "batch_lines", str(tmp_path / "x")]
    (tmp_path / "x").write_bytes(b'{"prompt": "x"}')
    assert subprocess.run(command, cwd=runner.ROOT, check=False).returncode == 0


@pytest.mark.slow
def test_a_failure_is_found_stored_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("atheris")
    planted = tmp_path / "tests" / "fuzz"
    planted.mkdir(parents=True)
    for name in ("__init__.py", "runner.py"):
        (planted / name).write_bytes((runner.HERE / name).read_bytes())
    (planted.parent / "__init__.py").touch()
    (planted / "target_planted.py").write_text("def check(data):\n    assert b'!' not in data\n")
    (planted / "corpus" / "planted").mkdir(parents=True)
    (planted / "corpus" / "planted" / "seed").write_bytes(b"?")
    monkeypatch.setattr(runner, "HERE", planted)
    monkeypatch.setattr(runner, "ROOT", tmp_path)
    assert not runner.fuzz("planted", 10, tmp_path / "work")
    (found,) = (tmp_path / "work" / "failures").iterdir()
    assert b"!" in found.read_bytes()
    shown = capfd.readouterr().out
    assert "AssertionError" in shown
    assert f"python -m tests.fuzz planted {found}" in shown

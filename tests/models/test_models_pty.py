"""`mull models` and `mull show` on a pseudo-terminal: the layouts by width, and the pager for a README."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.models.test_remote_header import write_model

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
if sys.platform != "win32":
    from tests.terminal.harness import Terminal

MULL = [sys.executable, "-m", "mull"]
REPO = "models--somebody--Odd-Model-GGUF"


@pytest.fixture
def environ(home: dict[str, str]) -> dict[str, str]:
    return {**home, "PYTHONWARNINGS": "ignore"}


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_no_line_is_wider_than_the_screen_and_no_name_is_cut(environ: dict[str, str], columns: int) -> None:
    with Terminal([*MULL, "models"], columns=columns, rows=50, environ=environ) as terminal:
        assert terminal.exit() == 0
        lines = terminal.everything
    text = "\n".join(lines)
    assert "deepseek-r1-distill-qwen-1.5b" in text
    assert "fits in memory" in text or columns == 40
    assert "Runs well here" in text
    assert "estimate" in text
    assert lines[0].split() in [line.split() for line in lines[1:]]  # the headings again, below the long list
    assert all(len(line) < columns for line in lines)


def test_base_models_do_not_run_well(environ: dict[str, str]) -> None:
    with Terminal([*MULL, "models"], columns=100, rows=50, environ=environ) as terminal:
        assert terminal.exit() == 0
        lines = terminal.everything
    well, base = (
        next(i for i, line in enumerate(lines) if line.startswith(title))
        for title in ("Runs well here", "Base models")
    )
    named = {name: at for at, line in enumerate(lines) for name in line.split()[:2]}
    assert well < named["qwen3-0.6b"] < base
    assert all(base < named[name] for name in ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"))


def test_show_pages_the_card_and_the_readme(environ: dict[str, str], tmp_path: Path) -> None:
    snapshot = Path(environ["HF_HOME"]) / "hub" / REPO / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    write_model(snapshot / "Odd-Model-Q8_0.gguf", 50)
    (snapshot / "README.md").write_text(
        "---\nlicense: mit\n---\n# A *card*\n\n\x1b[2JWritten by its maker.\n"
    )
    pager = tmp_path / "pager"
    pager.write_text(f"#!/bin/sh\necho PAGER; cat > {tmp_path}/paged; cat {tmp_path}/paged\n")
    pager.chmod(0o755)
    with Terminal(
        [*MULL, "show", "somebody/Odd-Model-GGUF"], rows=50, environ={**environ, "PAGER": str(pager)}
    ) as terminal:
        assert terminal.exit() == 0
        lines = terminal.everything
    assert lines[0] == "PAGER"
    text = (tmp_path / "paged").read_text()
    assert text.index("Licence") < text.index("Written by its maker.")
    assert "license: mit" not in text
    assert "\x1b[2J" not in text
    with Terminal([*MULL, "show", "qwen3-8b"], rows=50, environ={**environ, "PAGER": str(pager)}) as terminal:
        assert terminal.exit() == 0
        assert "qwen3-8b" in terminal.everything[0]
        assert terminal.everything[1].startswith("Name")

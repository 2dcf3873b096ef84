"""A mixture's experts in main memory: the model generates the same."""

from __future__ import annotations

from pathlib import Path

from mull.engine.engine import Engine, Piece, Request
from mull.engine.model import load
from mull.settings import EngineSettings, Sampling
from tests.model_files.scripted import write_scripted


def test_a_mixture_answers_with_its_experts_in_main_memory(tmp_path: Path, checked_state: Path) -> None:
    path = write_scripted(tmp_path / "moe.gguf", ["one", "two", "three"], architecture="gpt-oss")
    said = []
    for settings in (EngineSettings(threads=1), EngineSettings(threads=1, cpu_experts=True)):
        with (
            load(path, settings, state_dir=checked_state, trusted=True) as model,
            Engine(model, settings) as engine,
        ):
            request = Request(model.tokenize("hi", special=True), Sampling(temperature=0.0), max_tokens=5)
            pieces = [piece.data for piece in engine.generate(request) if isinstance(piece, Piece)]
            said.append(b"".join(pieces))
    assert said == [b"onetwothree"] * 2

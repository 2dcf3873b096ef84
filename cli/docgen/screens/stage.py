"""mull on an example machine, at a steady pace: `python -m docgen.screens.stage ARGUMENTS`.

What `models`, `show`, `doctor` and `cache` say about the machine is then the same wherever the pictures are made, and
names nothing of the computer that makes them. A model that plays a script would be done before anything is seen of it;
here a step of the engine takes at least STAGE_PACE seconds (0.04).
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from mull.models.memory import machine

EXAMPLE = machine.Machine(32 * machine.GIB, 29 * machine.GIB, (), 50e9)
"""A PC without a graphics card, as in docs/models.md."""

FEATURES = ("AVX", "AVX2", "F16C", "FMA", "BMI2")
FOLDER = "/home/you"
CACHED = (("qwen3-8b", 6_204, 866, 4), ("gpt-oss-20b", 11_930, 283, 15), ("pebble", 1_480, 9, 18))
"""What `mull cache` lists: model, tokens, MB, day of March 2026."""
PACE = float(os.environ.get("STAGE_PACE", "0.04"))


def main() -> None:
    """Run mull; imports come after what they would copy has been replaced."""
    machine.measure = lambda *_, **__: EXAMPLE

    from mull.__main__ import main as mull
    from mull.engine.engine import Engine

    step = Engine.step

    def paced(engine: Engine) -> None:
        until = time.monotonic() + PACE
        step(engine)
        time.sleep(max(0.0, until - time.monotonic()))

    Engine.step = paced
    _example_diagnosis()
    _example_cache()
    mull()


def _example_diagnosis() -> None:
    from mull.engine.diagnostics import diagnose
    from mull.engine.native.devices import Device

    real = diagnose.diagnose

    def example() -> diagnose.Diagnosis:
        return replace(
            real(),
            python=f"3.13.5 ({FOLDER}/mull/.venv/bin/python)",
            system="Linux 6.12 (x86_64)",
            cpu="Example CPU, 4 cores",
            cpu_features=FEATURES,
            compiled_in=FEATURES,
            unused=(),
            threads=4,
            library=f"{FOLDER}/mull/.venv/lib/python3.13/site-packages/llama_cpp/lib/libllama.so",
            fix="",
            devices=(Device("CPU", "Example CPU", "cpu", EXAMPLE.ram_free, EXAMPLE.ram_total),),
            unused_cards=(),
            places={
                "Config": f"{FOLDER}/.config/mull/config.toml",
                "State": f"{FOLDER}/.local/state/mull",
                "Cache": f"{FOLDER}/.cache/mull",
                "llama.cpp log": f"{FOLDER}/.local/state/mull/llama.log",
            },
            weaknesses=(),
        )

    diagnose.diagnose = example


def _example_cache() -> None:
    from mull.commands import _prompt_cache
    from mull.engine.kv.state_store import StateStore, StoredState

    class Example(StateStore):
        def entries(self, family: str = "") -> list[StoredState]:
            return [
                StoredState(
                    self.folder / model,
                    family,
                    model,
                    [0] * tokens,
                    0,
                    0,
                    megabytes * 10**6,
                    datetime(2026, 3, day, 9, 12, tzinfo=UTC).timestamp(),
                )
                for model, tokens, megabytes, day in CACHED
            ]

    store = Example(Path(FOLDER, ".cache/mull/prefixes"), 4 * 10**9)
    _prompt_cache.open_state_store = lambda _config: store


if __name__ == "__main__":
    main()

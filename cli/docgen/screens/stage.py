"""mull on an example machine, at a steady pace: `python -m docgen.screens.stage ARGUMENTS`.

What `models`, `show` and `doctor` say about the machine is then the same wherever the pictures are made, and names
nothing of the computer that makes them. A model that plays a script would be done before anything is seen of it; here a
step of the engine takes at least STAGE_PACE seconds (0.04).
"""

from __future__ import annotations

import os
import time
from dataclasses import replace

from mull.models.memory import machine

EXAMPLE = machine.Machine(32 * machine.GIB, 29 * machine.GIB, (), 50e9)
"""A PC without a graphics card, as in docs/models.md."""

FEATURES = ("AVX", "AVX2", "F16C", "FMA", "BMI2")
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
    mull()


def _example_diagnosis() -> None:
    from mull.engine.diagnostics import diagnose
    from mull.engine.native.devices import Device

    real = diagnose.diagnose

    def example() -> diagnose.Diagnosis:
        folder = "/home/you"
        return replace(
            real(),
            python=f"3.13.5 ({folder}/mull/.venv/bin/python)",
            system="Linux 6.12 (x86_64)",
            cpu="Example CPU, 4 cores",
            cpu_features=FEATURES,
            compiled_in=FEATURES,
            unused=(),
            threads=4,
            library=f"{folder}/mull/.venv/lib/python3.13/site-packages/llama_cpp/lib/libllama.so",
            fix="",
            devices=(Device("CPU", "Example CPU", "cpu", EXAMPLE.ram_free, EXAMPLE.ram_total),),
            unused_cards=(),
            places={
                "Config": f"{folder}/.config/mull/config.toml",
                "State": f"{folder}/.local/state/mull",
                "Cache": f"{folder}/.cache/mull",
                "llama.cpp log": f"{folder}/.local/state/mull/llama.log",
            },
            weaknesses=(),
        )

    diagnose.diagnose = example


if __name__ == "__main__":
    main()

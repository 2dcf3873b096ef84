"""The chat's own speed: from its start to its prompt, and from a key to its effect while a model decodes.

`python -m tests.bench.chatting [--threads N]`, in pseudo-terminals of 80 × 24. The keys are pressed while a model of
0.5B shape thinks, all through the real turn; the slowest press counts, because that is the one a user notices.
POSIX only.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mull.control import TurnControl
from mull.engine.threads import default_threads
from mull.messages import Message
from mull.settings import EngineSettings, TurnSettings
from mull.terminal.console.streams import Streams
from mull.terminal.views.base import ViewOptions
from mull.terminal.views.live import live_view
from tests.bench.measure import line
from tests.model_files.random_model import QWEN3_0_6B, cached
from tests.terminal.harness import Terminal

FOLD, ANSWER_NOW, STOP = "\x0f", "\t", "\x1b"
TEMPLATE = (  # its generation prompt opens the thinking, so that whatever a model without a meaning says is thinking
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
)


def child(threads: int) -> None:
    """Think, and then answer, without end."""
    from mull.chat_template.template import Template
    from mull.engine.engine import Engine
    from mull.engine.model import load
    from mull.reasoning.profiler import profile
    from mull.turn.loaded_model import LoadedModel
    from mull.turn.turn import run

    settings, control = EngineSettings(threads=threads), TurnControl()
    with (
        tempfile.TemporaryDirectory() as state,
        load(cached(QWEN3_0_6B), settings, state_dir=Path(state), trusted=True) as model,
        Engine(model, settings) as engine,
    ):
        ability = profile(TEMPLATE, special=model.special_tokens, eos=model.eos)
        loaded = LoadedModel("random", engine, Template(TEMPLATE, eos=model.eos), ability)
        view = live_view(ViewOptions(Streams.detect(), control))
        view(run(loaded, [Message("user", "Think.")], TurnSettings(), control))


def effect(terminal: Terminal, key: str, seen: Callable[[], bool]) -> float:
    """Seconds from pressing a key to what it does."""
    began = time.monotonic()
    terminal.press(key)
    terminal.wait(seen, f"the effect of {key!r}")
    return time.monotonic() - began


def keys(threads: int, *, turns: int, folds: int = 10) -> dict[str, list[float]]:
    """Seconds to the effect of each key, in some turns."""
    spent: dict[str, list[float]] = {"fold, unfold": [], "answer now": [], "stop": []}
    script = f"from tests.bench.chatting import child; child({threads})"
    for _ in range(turns):
        with Terminal([sys.executable, "-c", script]) as terminal:
            terminal.wait("│ tok")
            for number in range(folds):
                folded = number % 2 == 0
                spent["fold, unfold"].append(
                    effect(terminal, FOLD, lambda folded=folded: ("│" not in terminal.text) == folded)
                )
                time.sleep(0.1)
            terminal.press(FOLD)  # so that the thinking takes no screen below
            terminal.wait(lambda: "│" not in terminal.text)
            spent["answer now"].append(effect(terminal, ANSWER_NOW, lambda: "Answering now" in terminal.text))
            terminal.wait("esc stops", "the answer")
            spent["stop"].append(effect(terminal, STOP, lambda: "Stopped" in terminal.text))
            terminal.exit()
    return spent


def start() -> tuple[float, float]:
    """Seconds by the clock and of the CPU, from the start of `mull` to its prompt and toolbar."""
    with tempfile.TemporaryDirectory() as folder:
        home = {"MULL_CONFIG_DIR": folder, "MULL_STATE_DIR": folder, "HF_HOME": folder}
        began = time.monotonic()
        with Terminal([sys.executable, "-m", "mull"], environ=home) as terminal:
            terminal.wait("thinking auto", "the toolbar")
            seconds = time.monotonic() - began
            before = _children()
            terminal.press("\x04")
            terminal.exit()
        return seconds, _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.chatting", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    parser.add_argument("--threads", type=int, default=default_threads(), help="that the model decodes with")
    asked = parser.parse_args()
    start()  # the files are warm from here on
    walls, cpus = zip(*(start() for _ in range(5 if asked.quick else 15)), strict=True)
    line(
        "start to prompt, pebble, seconds (best, median)",
        f"{min(walls):.2f}, {statistics.median(walls):.2f}",
        "<= 0.7",
    )
    line(
        "  CPU seconds of the whole chat, leaving included",
        f"{min(cpus):.2f}, {statistics.median(cpus):.2f}",
        "-",
    )
    where = (
        f"0.5B shape, {asked.threads} thread{'s' if asked.threads > 1 else ''}, load {os.getloadavg()[0]:.0f}"
    )
    for name, spent in keys(asked.threads, turns=2 if asked.quick else 6).items():
        value = f"{statistics.median(spent) * 1000:.0f}, {max(spent) * 1000:.0f} ms"
        line(f"{name}: key to effect (median, worst; {where})", value, "<= 200 ms")


if __name__ == "__main__":
    main()

"""What `mull eval` costs beyond `mull batch` of the same prompts: records, judging, the statistics at the end.

    python -m tests.bench.evaluating [--quick] [--model FILE]

SmolLM2-135M-Instruct (python -m tests.real installs it), or another model. Whole processes, in alternation, with the
same prompts, sampling and number of turns in parallel.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.bench.measure import alternate, command, line, quartiles
from tests.real.weights import MISSING, smollm2

QUESTIONS, TOKENS, PARALLEL = 32, 32, 8


def prompts() -> list[dict[str, object]]:
    """Questions that a small model answers at length."""
    return [
        {"prompt": f"Write a story about {number} cats and {number + 3} dogs.", "answer": 2 * number + 3}
        for number in range(1, QUESTIONS + 1)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="3 pairs instead of 7")
    parser.add_argument("--model", type=Path, metavar="FILE")
    asked = parser.parse_args()
    model = asked.model or smollm2()
    if model is None:
        raise SystemExit(MISSING)
    with tempfile.TemporaryDirectory() as folder:
        questions, lines = Path(folder) / "questions.jsonl", Path(folder) / "lines.jsonl"
        questions.write_text("".join(json.dumps(one) + "\n" for one in prompts()))
        lines.write_text("".join(json.dumps({"prompt": one["prompt"]}) + "\n" for one in prompts()))
        common = (
            "-q",
            "-m",
            str(model),
            "--seed",
            "0",
            "--max-tokens",
            str(TOKENS),
            "--parallel",
            str(PARALLEL),
        )
        mull = ("-m", "mull")
        state = {"MULL_STATE_DIR": folder}
        evaluation = command(*mull, "eval", str(questions), *common, "--modes", "default", "--json", **state)
        batch = command(*mull, "batch", str(lines), *common, **state)
        for warm in (evaluation, batch):
            warm()
        ours, theirs = alternate(evaluation, batch, 3 if asked.quick else 7)
    ratio = quartiles([a / b for a, b in zip(ours, theirs, strict=True)])
    line(f"eval of {QUESTIONS} questions / batch of their prompts, seconds", str(ratio), "<= 1.03")


if __name__ == "__main__":
    sys.exit(main())

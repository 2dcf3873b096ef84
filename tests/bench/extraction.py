"""What it is worth to tell the model its schema: 100 short texts, the fields that they state, and how many are right.

    python -m tests.bench.extraction FILE [--quick]

FILE is a chat model, SmolLM2-135M-Instruct for instance (docs/pulling.md). Every text states a name, an age, a city and
a price in one of ten wordings; the same texts are asked with and without the schema in the system prompt, greedily, by
`mull batch`. An answer is right when all of its fields are; the fields are counted one by one as well.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

NAMES = ("Anna", "Ben", "Clara", "David", "Emma", "Farid", "Grace", "Hugo", "Ines", "Jonas")
CITIES = ("Paris", "Oslo", "Rome", "Cairo", "Lima", "Berlin", "Madrid", "Dublin", "Tokyo", "Prague")
THINGS = ("bicycle", "lamp", "coat", "guitar", "table", "camera", "clock", "sofa", "tent", "book")
WORDINGS = (
    "{name}, {age}, lives in {city} and bought a {thing} for {price} euros.",
    "A {thing} for {price} euros: that is what {name} from {city}, aged {age}, ordered yesterday.",
    "{name} is {age} years old. Last week {name} moved to {city} and paid {price} euros for a {thing}.",
    "In {city} we met {name}, who is {age}. The {thing} cost {price} euros.",
    "Customer: {name} ({age}), {city}. Item: {thing}, {price} EUR.",
    "At the age of {age}, {name} of {city} sold a {thing} for {price} euros.",
    "Dear team, my name is {name}, I am {age} and live in {city}. My {thing} for {price} euros has not arrived.",
    "{price} euros is a fair price for the {thing}, says {name}, {age}, from {city}.",
    "From {city}: {name} (age {age}) wants to return a {thing} and get {price} euros back.",
    "{name} turned {age} in {city} and got a {thing} worth {price} euros.",
)
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": "the person's first name"},
        "age": {"type": "integer", "minimum": 0, "maximum": 120, "description": "in years"},
        "city": {"type": "string"},
        "item": {"type": "string", "enum": list(THINGS)},
        "price": {"type": "integer", "description": "in euros"},
    },
    "required": ["name", "age", "city", "item", "price"],
}


def questions(count: int) -> list[tuple[str, dict[str, Any]]]:
    """Texts, and the fields that they state; always the same."""
    draw = random.Random(18)
    found = []
    for number in range(count):
        stated = {
            "name": draw.choice(NAMES),
            "age": draw.randint(18, 90),
            "city": draw.choice(CITIES),
            "item": draw.choice(THINGS),
            "price": draw.randint(5, 900),
        }
        words = {**stated, "thing": stated["item"]}
        found.append((WORDINGS[number % len(WORDINGS)].format(**words), stated))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, metavar="FILE")
    parser.add_argument("--quick", action="store_true", help="20 texts instead of 100")
    asked = parser.parse_args()
    texts = questions(20 if asked.quick else 100)
    for flag in ("--schema-prompt", "--no-schema-prompt"):
        answers = _answers(asked.model, flag, [text for text, _ in texts])
        whole = sum(answer == stated for answer, (_, stated) in zip(answers, texts, strict=True))
        single = sum(
            answer.get(name) == value
            for answer, (_, stated) in zip(answers, texts, strict=True)
            for name, value in stated.items()
        )
        print(
            f"{flag}: {whole} of {len(texts)} right, {single} of {len(texts) * len(SCHEMA['required'])} fields",
            flush=True,
        )


def _answers(model: Path, flag: str, texts: list[str]) -> list[dict[str, Any]]:
    """The answers, in order; an answer that is no object counts as an empty one."""
    lines = "".join(json.dumps({"prompt": f"{text}\n\nExtract the data."}) + "\n" for text in texts)
    command = (
        sys.executable,
        "-m",
        "mull",
        "batch",
        "-q",
        "-m",
        model,
        flag,
        "--temp",
        "0",
        "--max-tokens",
        "200",
    )
    done = subprocess.run(
        [*map(str, command), "--schema", json.dumps(SCHEMA)],
        input=lines,
        capture_output=True,
        text=True,
        check=False,
    )
    results = [json.loads(line) for line in done.stdout.splitlines()]
    if len(results) != len(texts):
        raise SystemExit(done.stderr)
    return [json.loads(result["answer"]) if result["finish"] == "stop" else {} for result in results]


if __name__ == "__main__":
    main()

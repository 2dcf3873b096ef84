"""Schemas as people write them, by chance: `schema(draw)` is one, the same for the same generator of random numbers.

    python -m tests.structured.generated 1000 [first seed]

constrains a model with random weights by so many of them, with every answer validated: the long run of
test_generated.py.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema

from mull.engine.engine import Engine, Piece, Request
from mull.engine.model import load
from mull.engine.request import GrammarSpec
from mull.settings import EngineSettings, Sampling
from mull.structured.reading import from_schema
from mull.structured.unsupported import UnsupportedSchema
from tests.model_files.random_model import TINY, write_random

_FORMATS = ("date", "time", "date-time", "uuid", "ipv4", "email", "duration")
_PATTERNS = ("^[A-Z]{2}-\\d{1,3}$", "^(yes|no)$", "b[^a]", "^\\w+$", "[aeiou]{2}", '^"?[a-f]*"?$')
_DEEPEST = 3


def schema(draw: random.Random, depth: int = 0) -> dict[str, Any]:
    """A schema with a value; objects, lists and combinations down to three levels."""
    kinds = [_text, _integer, _number, _boolean, _enum]
    if depth < _DEEPEST:
        kinds += [_object, _object, _array, _any_of, _all_of]
    return draw.choice(kinds)(draw, depth)


def _text(draw: random.Random, _depth: int) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "string"}
    kind = draw.randrange(4)
    if kind == 0:
        made["format"] = draw.choice(_FORMATS)
    elif kind == 1:
        made["pattern"] = draw.choice(_PATTERNS)
    else:
        made |= {"minLength": draw.randrange(4), "maxLength": draw.randrange(4, 12)}
    return made


def _integer(draw: random.Random, _depth: int) -> dict[str, Any]:
    low = draw.randrange(-1000, 1000)
    made: dict[str, Any] = {"type": "integer"}
    made |= draw.choice(
        (
            {},
            {"minimum": low},
            {"exclusiveMaximum": low},
            {"minimum": low, "maximum": low + draw.randrange(1, 500)},
        )
    )
    if draw.random() < 0.2:
        made["multipleOf"] = draw.choice((2, 5, 7))
        made["maximum"] = max(made.get("minimum", 0), 0) + 1000
    return made


def _number(draw: random.Random, _depth: int) -> dict[str, Any]:
    low = round(draw.uniform(-50, 50), draw.randrange(3))
    return draw.choice(
        (
            {"type": "number", "minimum": low, "maximum": low + 10},
            {"type": "number", "exclusiveMinimum": low, "exclusiveMaximum": low + 0.5},
            {"type": "number", "multipleOf": 0.5, "minimum": 0, "maximum": 20},
        )
    )


def _boolean(draw: random.Random, _depth: int) -> dict[str, Any]:
    return {"type": draw.choice(("boolean", "null", ["boolean", "null"]))}


def _enum(draw: random.Random, _depth: int) -> dict[str, Any]:
    values = ["a", "é\n", 'q"\\', 3, -1.5, None, True, [1, "x"], {"k": 2}]
    return {"const": draw.choice(values)} if draw.random() < 0.3 else {"enum": draw.sample(values, 3)}


def _object(draw: random.Random, depth: int) -> dict[str, Any]:
    names = draw.sample(("name", "age", "tags", 'q"k', "größe", "a/b", "last"), draw.randrange(1, 5))
    made: dict[str, Any] = {
        "type": "object",
        "properties": {name: schema(draw, depth + 1) for name in names},
        "required": [name for name in names if draw.random() < 0.7],
    }
    if draw.random() < 0.2:
        made["additionalProperties"] = draw.choice((False, True))
    if draw.random() < 0.1:
        del made["type"]
    return made


def _array(draw: random.Random, depth: int) -> dict[str, Any]:
    least = draw.randrange(3)
    made: dict[str, Any] = {"type": "array", "minItems": least, "maxItems": least + draw.randrange(3)}
    if draw.random() < 0.3:
        made["prefixItems"] = [schema(draw, depth + 1) for _ in range(draw.randrange(1, 3))]
    return made | {"items": schema(draw, depth + 1)}


def _any_of(draw: random.Random, depth: int) -> dict[str, Any]:
    name = draw.choice(("anyOf", "anyOf", "oneOf"))
    return {name: [schema(draw, depth + 1) for _ in range(draw.randrange(2, 4))]}


def _all_of(draw: random.Random, depth: int) -> dict[str, Any]:
    return {"allOf": [_object(draw, depth + 1), {"properties": {"more": schema(draw, depth + 1)}}]}


@contextmanager
def engine(path: Path, state: Path) -> Iterator[Engine]:
    settings = EngineSettings(threads=1)
    with load(path, settings, state_dir=state, trusted=True) as model, Engine(model, settings) as made:
        yield made


def outcome(engine: Engine, seed: int) -> str:
    """What became of the schema of this seed: `valid`, `cut`, `refused`, or `one of two` (a `oneOf` with two matches).

    Raises AssertionError with the schema for an answer that is complete and not valid.
    """
    wanted = schema(random.Random(seed))
    try:
        grammar = from_schema(wanted).grammar
    except UnsupportedSchema:
        return "refused"
    sampling = Sampling(temperature=1.2, top_k=0, top_p=1.0, min_p=0.0, seed=seed)
    generation = engine.generate(Request([20, 30, 40], sampling, max_tokens=300))
    generation.constrain(GrammarSpec(grammar, forbidden=list(engine.model.special_tokens.values())[:1]))
    said = b"".join(event.data for event in generation if isinstance(event, Piece))
    if not generation.complete:
        return "cut"
    checker = jsonschema.Draft202012Validator(
        wanted, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    error = next(iter(checker.iter_errors(json.loads(said))), None)
    if error is not None and "oneOf" in json.dumps(wanted) and "is valid under each of" in _deepest(error):
        return "one of two"
    assert error is None, f"seed {seed}: {said!r} is no {json.dumps(wanted)}: {error.message}"
    return "valid"


def _deepest(error: jsonschema.ValidationError) -> str:
    return " ".join([error.message, *(_deepest(each) for each in error.context or ())])


def main() -> None:
    count, first = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    with tempfile.TemporaryDirectory() as folder:
        path = write_random(Path(folder) / "tiny.gguf", TINY)
        with engine(path, Path(folder)) as made:
            print(Counter(outcome(made, seed) for seed in range(first, first + count)))


if __name__ == "__main__":
    main()

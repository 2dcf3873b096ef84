"""The flags of the sampler chain, each defined once; `None` means unset, as in `_options.py`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mull.settings import LIMITS


def number(name: str, *spellings: str, metavar: str = "N", help: str) -> Any:  # noqa: A002 - typer's word
    """An option that is a number, within the limits of the setting of that name."""
    low, high = LIMITS[name]
    return typer.Option(*spellings, metavar=metavar, min=low, max=high, help=help, show_default=False)


Temperature = Annotated[
    float | None,
    number("temperature", "--temperature", "--temp", metavar="X", help="Randomness; 0 is greedy decoding."),
]
TopK = Annotated[
    int | None,
    number("top_k", "--top-k", help="Sample from the N most likely tokens; 0: from all."),
]
TopP = Annotated[
    float | None,
    number(
        "top_p",
        "--top-p",
        metavar="X",
        help="Sample from the most likely tokens up to this total probability.",
    ),
]
MinP = Annotated[
    float | None,
    number(
        "min_p",
        "--min-p",
        metavar="X",
        help="Drop tokens below this share of the most likely one's probability.",
    ),
]
RepeatPenalty = Annotated[
    float | None,
    number("repeat_penalty", "--repeat-penalty", metavar="X", help="Penalty for recent tokens; 1 is none."),
]
PresencePenalty = Annotated[
    float | None,
    number(
        "presence_penalty", "--presence-penalty", metavar="X", help="Penalty for tokens that have occurred."
    ),
]
FrequencyPenalty = Annotated[
    float | None,
    number(
        "frequency_penalty", "--frequency-penalty", metavar="X", help="Penalty per occurrence of a token."
    ),
]
Dry = Annotated[
    float | None,
    number(
        "dry_multiplier",
        "--dry-multiplier",
        "--dry",
        metavar="X",
        help="DRY penalty for repeated sequences; 0 is none.",
    ),
]
Seed = Annotated[
    int | None,
    number("seed", "--seed", help="Random seed: the same seed gives the same answer."),
]

"""The flags of the sampler chain, each defined once; `None` means unset, as in `_options.py`."""

from __future__ import annotations

import math
from typing import Annotated, Any

import typer

from mull.commands._argument_checks import each_parsed
from mull.settings import LIMITS, parse_bias


def number(name: str, *spellings: str, metavar: str = "N", help: str) -> Any:  # noqa: A002 - typer's word
    """An option that is a number, within the limits of the setting of that name."""
    low, high = LIMITS[name]

    def no_nan(value: float | None) -> float | None:
        if value is not None and math.isnan(value):  # no comparison with it is true
            raise typer.BadParameter(f"nan is not in the range {low}<=x<={high}.")
        return value

    return typer.Option(
        *spellings, metavar=metavar, min=low, max=high, help=help, show_default=False, callback=no_nan
    )


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
TypicalP = Annotated[
    float | None,
    number(
        "typical_p", "--typical-p", metavar="X", help="Locally typical sampling up to this total; 1 is off."
    ),
]
TopNSigma = Annotated[
    float | None,
    number(
        "top_n_sigma",
        "--top-n-sigma",
        metavar="X",
        help="Drop logits X standard deviations below the best; -1 is off.",
    ),
]
XtcProbability = Annotated[
    float | None,
    number(
        "xtc_probability",
        "--xtc-probability",
        metavar="X",
        help="XTC: how often the most likely tokens but the last are dropped; 0 is off.",
    ),
]
XtcThreshold = Annotated[
    float | None,
    number("xtc_threshold", "--xtc-threshold", metavar="X", help="XTC: those at least this likely."),
]
DynatempRange = Annotated[
    float | None,
    number(
        "dynatemp_range",
        "--dynatemp-range",
        metavar="X",
        help="Dynamic temperature: temperature plus or minus X; 0 is off.",
    ),
]
DynatempExponent = Annotated[
    float | None,
    number(
        "dynatemp_exponent",
        "--dynatemp-exponent",
        metavar="X",
        help="Dynamic temperature: how entropy maps to it.",
    ),
]
Mirostat = Annotated[
    int | None,
    number(
        "mirostat", "--mirostat", help="Mirostat 1 or 2, in place of top-k, top-p and the like; 0 is off."
    ),
]
MirostatTau = Annotated[
    float | None,
    number("mirostat_tau", "--mirostat-tau", metavar="X", help="Mirostat: the target entropy."),
]
MirostatEta = Annotated[
    float | None,
    number("mirostat_eta", "--mirostat-eta", metavar="X", help="Mirostat: the learning rate."),
]
AdaptiveTarget = Annotated[
    float | None,
    number(
        "adaptive_target",
        "--adaptive-target",
        metavar="X",
        help="Adaptive-p: prefer tokens near this probability; -1 is off.",
    ),
]
AdaptiveDecay = Annotated[
    float | None,
    number("adaptive_decay", "--adaptive-decay", metavar="X", help="Adaptive-p: how slowly it adapts."),
]
LogitBias = Annotated[
    list[str] | None,
    typer.Option(
        "--logit-bias",
        metavar="TOKEN=VALUE",
        help="Add to the logits of a token (its id or its text); -inf bans it (repeatable).",
        callback=each_parsed("--logit-bias", parse_bias, "--logit-bias 42=-inf, or --logit-bias Paris=2."),
    ),
]

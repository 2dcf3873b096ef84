"""Settings from environment variables: `MULL_` and the name of a setting in capitals, `MULL_TOP_P` for `top_p`.

In: the environment. Out: typed values. A blank variable is not set. Raises UsageError (invalid_setting) that names the
variable.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from mull.config.keys import KEYS, parse
from mull.errors import UsageError
from mull.suggest import nearest


def variable(name: str) -> str:
    """The variable of a setting."""
    return f"MULL_{name.upper()}"


def misspelled(environ: Mapping[str, str] = os.environ) -> list[str]:
    """A sentence for each variable that resembles one of a setting, and has no effect."""
    known = [variable(key.name) for key in KEYS]
    found = {name: nearest(name, known, cutoff=0.85) for name in environ if name.startswith("MULL_")}
    return [
        f"{name} has no effect; did you mean {near[0]}?"
        for name, near in found.items()
        if near and name not in known
    ]


def read_environment(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The settings that variables give."""
    values = {}
    for key in KEYS:
        text = environ.get(variable(key.name), "")
        if not text.strip():
            continue
        try:
            values[key.name] = parse(key.name, text if key.kind is str else text.strip())
        except ValueError as error:
            raise UsageError(
                "invalid_setting",
                f"The environment variable {variable(key.name)} {error}.",
                f"{key.name}: {key.help}.",
            ) from error
    return values

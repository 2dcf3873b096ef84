"""The JSON of a reply: all of it, or its one fenced block.

In: the text of a reply. Out: the value, or a ValueError in words; hostile texts are refused by `fs/json_text.py`.
"""

from __future__ import annotations

import re
from typing import Any

from mull.fs.json_text import parse_json

_FENCE = re.compile(r"^[ \t]*```[^\n`]*$", re.MULTILINE)
_LONGEST = 1 << 20  # characters


def json_of(text: str, *, around: bool = True) -> Any:
    """The value of a text that is JSON, or of its one fenced block; `around`: prose may stand round the block.

    Raises ValueError in words.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"the answer has more than {_LONGEST:,} characters")
    fences = list(_FENCE.finditer(text))
    if len(fences) > 2:
        raise ValueError("it has more than one code block")
    if len(fences) == 2:
        before, after = text[: fences[0].start()], text[fences[1].end() :]
        if not around and (before.strip() or after.strip()):
            raise ValueError("there is text beside the JSON")
        text = text[fences[0].end() : fences[1].start()]
    try:
        return parse_json(text)
    except ValueError as error:
        raise ValueError("it is not JSON") from error

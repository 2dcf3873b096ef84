"""What renderings have shown about a chat template, cached on disk: a load then renders nothing but the prompt.

In: what the template depends on (its source, the texts of its special tokens), then questions. Out: the answers, values
of JSON. An answer holds for the very same inputs, the same code of mull, of jinja2 and of Python, and for one day where
the template may read the clock. A damaged or unwritable cache, or one that others could write, costs time and nothing
else.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import zlib
from contextlib import suppress
from datetime import date
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from mull import __version__
from mull.fs.file_stamp import folder_stamp, versioned
from mull.fs.json_cache import JsonCache
from mull.fs.json_text import parse_json

FILE = "chat-templates.json"  # in the state folder
_LONGEST = 50_000  # characters of an answer; published templates have up to 3,000
_CLOCK = re.compile("date|time|now", re.IGNORECASE)  # in the source of every template that shows the date


class TemplateFacts:
    """The facts about one template, which follow from its source and its other inputs. `state_dir` None: nothing is
    cached."""

    def __init__(self, state_dir: Path | None, source: str, *inputs: object) -> None:
        self._cache = JsonCache(state_dir / FILE) if state_dir is not None else None
        self._trusted = True
        self._about = (source, *inputs, date.today() if _CLOCK.search(source) else None)

    def get(self, *question: object) -> Any:
        """The answer to a question, None where there is none."""
        found = self._cache.get(key) if self._cache is not None and (key := self._key(question)) else None
        text = found.get("value") if found is not None else None
        if found is None or not isinstance(text, str) or found.get("crc") != _crc(text):
            return None
        with suppress(ValueError):
            return parse_json(text)
        return None

    def put(self, value: Any, *question: object) -> None:
        """Store the answer, if JSON can carry it and the disk allows."""
        if self._cache is None or not self._trusted or (key := self._key(question)) is None:
            return
        with suppress(ValueError, TypeError, RecursionError):
            text = json.dumps(value)
            parse_json(text)
            if len(text) <= _LONGEST:
                self._cache.put(key, {"value": text, "crc": _crc(text)})

    def distrust(self) -> None:
        """Store nothing from now on: a rendering failed in a way that says nothing about the template."""
        self._trusted = False

    def _key(self, question: tuple[object, ...]) -> str | None:
        code = _code()
        facts = repr((code, self._about, question)).encode("utf-8", "backslashreplace")
        return hashlib.sha256(facts).hexdigest()[:32] if code else None


def _crc(text: str) -> int:
    """An answer decides what mull writes around a user's text, so that a damaged one must not pass."""
    return zlib.crc32(text.encode())


@cache
def _code() -> tuple[str, ...]:
    """The code that renders, and that draws conclusions; empty where its files cannot be looked at."""
    import mull

    folder = Path(mull.__path__[0])
    try:
        spec = PathFinder.find_spec("jinja2")
        jinja2 = versioned(Path(spec.origin)) if spec and spec.origin else ""
        rooms = [folder_stamp(folder / room) for room in ("chat_template", "reasoning")]
    except OSError:
        return ()
    return (__version__, sys.version, jinja2, *rooms)

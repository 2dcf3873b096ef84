"""What the pictures need on disk and on the network: a model that plays a script, sessions, a Hub."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.cli.conftest import CHATML
from tests.model_files.scripted import write_scripted
from tests.models.hub_server import gguf, serve

THOUGHTS = """
The user wants to find files with equal content. Names may differ, so comparing names is not enough.

Comparing every pair would take too long: a thousand files make half a million pairs. Files of different sizes cannot \
be equal, so I group by size first, which costs no reading at all. Within a group I compare a hash of the content. \
SHA-256 is in the standard library, and a collision is out of the question here.

Should I mention `fdupes`? Yes, as the quick way, and Python for whoever wants to change something. Large files must \
not be read into memory at once: `hashlib.file_digest` reads in chunks.

I'll give a short table of the two ways, the steps, and then the code."""

ANSWER = """\
Files with the same **content** have the same hash, whatever their names are.

| way | needs | good for |
| :-- | :-- | :-- |
| `fdupes -r .` | one package | a quick look |
| a script | Python 3.11 | your own rules |

1. Group the files by size; that reads nothing.
2. Hash only what shares its size with another file.
3. Print the groups with more than one path.

```python
def digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()  # in chunks
```
"""
COMMIT = "Hash files in chunks\n\nA file larger than memory no longer ends the program."


def script(folder: Path) -> Path:
    """A model that answers at length, and without thinking writes a commit message."""
    thoughts, answer, commit = pieces(THOUGHTS, ANSWER, COMMIT)
    return write_scripted(
        folder / "script.gguf",
        ["<think>", *thoughts, "\n", "</think>", "\n\n", *answer],
        starts={"\n\n": commit},
        template=CHATML,
        user_defined=["<think>", "</think>"],
        n_ctx=32_768,
        name="script",
    )


def pieces(*texts: str) -> list[list[str]]:
    """The words of each text, with the white space before them, joined to longer pieces until none comes twice."""
    seen = {"", "\n"}
    found = []
    for text in texts:
        said = [""]
        for word in re.findall(r"\s*\S+|\s+$", text):
            said[-1] += word
            if said[-1] not in seen:
                seen.add(said[-1])
                said.append("")
        found.append([piece for piece in said if piece])
    return found


def sessions() -> Iterator[str]:
    """A few conversations of the past, as `mull sessions export` writes them."""
    past = (
        ("holiday", "Three days in Lisbon with a child of six?", "gemma-3-4b", 9),
        ("", "Why is my Dockerfile's cache invalidated?", "qwen3-8b", 4),
        ("thesis", "Shorten this abstract to 150 words", "gpt-oss-20b", 12),
        ("", "What is 17 * 23?", "pebble", 1),
    )
    for number, (name, question, model, turns) in enumerate(past, 1):
        when = datetime(2026, 3, number * 5, 9 + number, 12, tzinfo=UTC).timestamp()
        yield json.dumps(_session(number, name, question, model, turns, when))


def _session(number: int, name: str, question: str, model: str, turns: int, when: float) -> dict[str, object]:
    key = f"{number}k3v{number}q"
    return {
        "v": 1,
        "format": "mull session",
        "session": {
            "id": key, "name": name, "auto_title": question, "system": "", "model": model,
            "created": when, "updated": when, "leaf": turns,
        },
        "turns": [
            {
                "id": turn, "session": key, "parent": turn - 1 or None, "question": question, "answer": "",
                "thinking": "", "finish": "stop", "model": model, "settings": {}, "reasoning": None, "usage": {},
                "timing": {}, "files": [], "started": when, "ended": when,
            }
            for turn in range(1, turns + 1)
        ],
    }  # fmt: skip


@contextmanager
def hub(bytes_per_second: float) -> Iterator[str]:
    """The address of a Hub with one model of three files, which it sends slowly."""
    names = [f"duet-8b-Q4_K_M-{part:05d}-of-00003.gguf" for part in (1, 2, 3)]
    with serve() as server:
        server.add("example/duet-8b-GGUF", {name: gguf(9_000_000, part) for part, name in enumerate(names)})
        server.fault(times=99, bytes_per_second=bytes_per_second)
        yield server.url

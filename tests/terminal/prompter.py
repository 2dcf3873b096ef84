"""A program for the pseudo-terminal: it reads from the chat's prompt and prints what it got.

`python -m tests.terminal.prompter OPTIONS`, a JSON object: `history` (a path), `vi`, `default`, `ahead` (a
line that was typed before), `interrupted` (a turn was just stopped), `patience` (see `patience.py`).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from mull.terminal.console.streams import Streams
from mull.terminal.input.background import ask_terminal
from mull.terminal.input.completion import Suggestion, paths
from mull.terminal.input.keys import Leave
from mull.terminal.input.prompt import Prompt
from tests.terminal.patience import wait_longer

THOUGHTS = ["The oldest thought.", "", "The middle thought.", "\n".join(f"newest {n}" for n in range(50))]


def suggest(before: str) -> Iterator[Suggestion]:
    """Two commands, and paths after one of them."""
    if before.startswith("/file "):
        yield from paths(before.removeprefix("/file "))
        return
    for name in ("/file", "/help"):
        if before.startswith("/") and name.startswith(before):
            yield Suggestion(name, len(before), f"about {name}")


def main() -> int:
    options = json.loads(sys.argv[1])
    streams = Streams.detect()
    if options["asks"]:
        ask_terminal(streams)
    wait_longer(options.get("patience", 1))
    history = options.get("history")
    prompt = Prompt(
        history_path=Path(history) if history else None,
        completer=suggest,
        toolbar=lambda _columns: ["pebble", "thinking on", "1,204 of 4,096 tokens (29%)", "/help"],
        thoughts=lambda: [(f"question {n}", thought) for n, thought in enumerate(THOUGHTS)],
        vi=options.get("vi", False),
        streams=streams,
    )
    interrupted = time.monotonic() if options.get("interrupted") else float("-inf")
    default = options.get("default", "")
    if ahead := options.get("ahead"):
        prompt.echo(ahead)
    while True:
        try:
            text = prompt.read(default, interrupted_at=interrupted)
        except EOFError:
            print("[left]")
            return 0
        except Leave:
            return 130
        print(f"[{len(text)} characters, {text.count(chr(10)) + 1} lines: {text[:30]!r}]", flush=True)
        default = ""


if __name__ == "__main__":
    sys.exit(main())

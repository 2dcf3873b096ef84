"""What painting costs: `python -m tests.bench.painting [SECONDS]`, in its own pseudo-terminal of 80 × 24.

1. The share of one core that the live view takes at 100 tokens per second: CPU seconds of a process that shows a
   turn, less those of the same turn shown nowhere, over wall seconds; for thinking and for an answer in Markdown.
2. Repaints per second, counted in the output.
3. Seconds per token of laying out 2,000 against 20,000 tokens, in frames of 8 tokens (12 frames a second).
"""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from statistics import median

from mull.control import TurnControl
from mull.events import AnswerDelta, Done, Event, ReasoningReport, ThinkingDelta, Timing, Usage
from mull.terminal.console.streams import Streams
from mull.terminal.console.style import Style
from mull.terminal.markdown.stream import MarkdownStream
from mull.terminal.views.base import ViewOptions
from mull.terminal.views.live import live_view
from tests.bench.measure import line

RATE = 100  # tokens per second
TOKENS_PER_FRAME = 8
SLICE = 2_000  # tokens
SAMPLE = """\
## Section NUMBER

Paragraph NUMBER of the usual length, with **bold words**, `inline code`, and a [link](https://example.com/page). \
It goes on for a few sentences, since that is what models write. Here is the third one, which ends the paragraph.

1. First do this, with some explanation of why.
2. Then do that, and look at `result.value`.
3. Finally check it.

```python
def answer(question: str) -> str:
    words = question.split()
    return " ".join(reversed(words))  # not a good answer

print(answer("why is it so"))
```

| name | value |
| --- | ---: |
| one | 1 |
| two | 2 |

"""


def tokens(count: int, first: int = 0) -> list[str]:
    """`count` pieces of four characters; sections are numbered from `first`, for texts that no cache has seen."""
    sections = 1 + count * 4 // len(SAMPLE)
    text = "".join(SAMPLE.replace("NUMBER", str(number)) for number in range(first, first + sections + 1))
    return [text[index * 4 : index * 4 + 4] for index in range(count)]


def turn(kind: str, seconds: float) -> Iterator[Event]:
    """A turn at 100 tokens a second."""
    began = time.monotonic()
    for number, piece in enumerate(tokens(int(seconds * RATE)), start=1):
        time.sleep(max(0.0, began + number / RATE - time.monotonic()))
        yield ThinkingDelta(piece, number) if kind == "thinking" else AnswerDelta(piece, number)
    yield Done("none", "", "", ReasoningReport("on", "on", ""), "stop", Usage(), Timing())


def child(kind: str, seconds: float, shown: bool, report: int) -> None:
    """Show a turn (or not), and write the CPU seconds that it took to descriptor `report`."""
    streams = Streams.detect()
    view = live_view(ViewOptions(streams, TurnControl()))
    view(turn(kind, 0.3))  # imports and first-time costs are not painting
    began = time.process_time()
    if shown:
        view(turn(kind, seconds))
    else:
        for _ in turn(kind, seconds):
            pass
    os.write(report, json.dumps(time.process_time() - began).encode())


def cpu_seconds(kind: str, seconds: float, shown: bool) -> tuple[float, int]:
    """CPU seconds of a child in a pseudo-terminal, and how many frames it painted."""
    master, slave = pty.openpty()
    answer, report = os.pipe()
    frames = 0

    def drain() -> None:
        nonlocal frames
        while True:
            try:
                data = os.read(master, 65536)
            except OSError:
                return
            frames += data.count(b"\x1b[?2026h")

    reader = threading.Thread(target=drain, daemon=True)
    reader.start()
    script = f"from tests.bench.painting import child; child({kind!r}, {seconds}, {shown}, {report})"
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    subprocess.run(
        [sys.executable, "-c", script],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        pass_fds=[report],
        env=environ,
        check=True,
    )
    os.close(slave)
    spent = float(os.read(answer, 100))
    os.close(answer)
    os.close(report)
    return spent, frames


def layout_seconds(count: int, first: int) -> list[float]:
    """Seconds per token of laying out an answer of `count` tokens frame by frame, for every 2,000 of them."""
    view = MarkdownStream(Style())
    pieces = tokens(count, first)
    spent = []
    for slice_start in range(0, count, SLICE):
        began = time.process_time()
        for start in range(slice_start, slice_start + SLICE, TOKENS_PER_FRAME):
            view.feed("".join(pieces[start : start + TOKENS_PER_FRAME]))
            view.take(79, 14)
        spent.append((time.process_time() - began) / SLICE)
    view.finish(79)
    return spent


def main() -> None:
    """Entry point."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    for kind in ("thinking", "answer"):
        idle, _ = cpu_seconds(kind, seconds, False)
        busy, frames = cpu_seconds(kind, seconds, True)
        line(f"{kind} at {RATE} tokens/s, share of a core", f"{(busy - idle) / seconds:.2%}", "<= 3%")
        line("  repaints per second", f"{frames / seconds:.1f}", "<= 15")
    layout_seconds(SLICE, 0)
    # Medians, since a busy machine slows some of the slices down.
    short = median(seconds for run in range(1, 8) for seconds in layout_seconds(SLICE, 1000 * run))
    long = median(layout_seconds(10 * SLICE, 10_000))
    line(
        "layout, CPU per token of an answer of 20,000 / of 2,000",
        f"{long / short:.2f} ({long * 1e6:.0f} / {short * 1e6:.0f} µs)",
        "<= 1.3",
    )


if __name__ == "__main__":
    main()

"""Every figure with its target: `python -m tests.bench` (make bench) measures the table of docs/performance.md, row by
row, then runs the suites one after the other.

`--only NAME…` takes rows (cli/docgen/performance.toml), `rows` for all of them, and suites; `--quick` fewer samples.
Rows are recorded in docs/performance.json and the table; what suites measure only with `--write`. Each suite is a
program (`python -m tests.bench.NAME`), so that none measures what another left in memory.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from docgen import performance
from mull.engine.native import library
from mull.engine.threads import default_threads

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
SUITES = {
    "decoding": "Decoding, compared with a bare loop on the C API; pebble",
    "starting": "Whole processes: start, first byte, memory",
    "busy": "Real weights, on an idle machine and on a busy one",
    "prefix": "The prompt cache",
    "keeping": "Keeping a model loaded",
    "batching": "Parallel decoding",
    "evaluating": "Evaluation, beside a batch of the same prompts",
    "serving": "The server, beside llama-server",
    "remote": "A model on an endpoint, beside the same one in this process",
    "drafting": "Speculative decoding",
    "constrained": "Constrained decoding",
    "chatting": "The chat: its start, and its keys while a model decodes",
    "painting": "The live view",
    "storing": "Sessions",
    "downloading": "Downloads",
}
QUICK = (
    "decoding",
    "starting",
    "busy",
    "prefix",
    "keeping",
    "evaluating",
    "serving",
    "remote",
    "constrained",
    "chatting",
)  # those that know --quick


def measure(name: str, *, quick: bool) -> str:
    """Run a suite, its lines shown as they come; all of them. Raises CalledProcessError."""
    print(f"\n{SUITES[name]}\n", flush=True)
    return run([f"tests.bench.{name}", *(["--quick"] if quick and name in QUICK else [])])


def run(program: Sequence[str]) -> str:
    """The lines of a Python program, shown as they come. Raises CalledProcessError."""
    asked, lines = [sys.executable, "-m", *program], []
    with subprocess.Popen(asked, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line.rstrip())
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, asked)
    return "\n".join(lines).strip()


def machine() -> str:
    """What it was measured on, in a line."""
    info = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.*)$", info.read_text(), re.MULTILINE) if info.is_file() else None
    name = found.group(1) if found else platform.processor()
    with tempfile.TemporaryDirectory() as folder:
        library.prepare(Path(folder))
        llama = library.version()
    return (
        f"{dt.datetime.now(tz=dt.UTC).date()}, {name}, {default_threads()} threads, {platform.system()}, "
        f"Python {platform.python_version()}, llama.cpp {llama}"
    )


def write(name: str, figures: str, where: str) -> None:
    """Put a suite's figures into its place on the page; a suite without one gets it at the end."""
    page = PAGE.read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    block = f"{begin}\n\n```text\n{figures}\n```\n\n{where}.\n\n{end}"
    place = re.compile(rf"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if place.search(page):
        page = place.sub(lambda _: block, page)
    else:
        page = page.rstrip("\n") + f"\n\n## {SUITES[name]}\n\n{block}\n"
    PAGE.write_text(page, encoding="utf-8")


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    parser.add_argument("--write", action="store_true", help="write the figures into docs/performance.md")
    names = ("rows", *performance.rows(), *SUITES)
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=", ".join(names))
    asked = parser.parse_args()
    where = machine()
    print(where, flush=True)
    chosen = asked.only or ["rows", *SUITES]
    rows = [name for name in chosen if name not in SUITES]
    if rows:
        fewer = ["--pairs", "2"] if asked.quick else []
        run(["tests.bench.rows", *([] if "rows" in rows else rows), *fewer])
    for name in (name for name in chosen if name in SUITES):
        figures = measure(name, quick=asked.quick)
        if asked.write:
            write(name, figures, where)


if __name__ == "__main__":
    main()

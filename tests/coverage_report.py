"""What `make coverage` prints: the files of which too little was run, with those lines, and the figure for all of mull.

In: the combined data of coverage.py. Out: the table on stdout, and exit code 1 below the target of pyproject.toml.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from coverage import Coverage

LOW = 85.0  # percent of a file's lines; files below are listed


def main() -> int:
    """Returns a process exit code."""
    coverage = Coverage()
    coverage.load()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "coverage.json")
        coverage.json_report(outfile=str(path))
        report = json.loads(path.read_text(encoding="utf-8"))
    low = [
        (file["summary"]["percent_covered"], name, _ranges(file["missing_lines"]))
        for name, file in report["files"].items()
        if file["summary"]["percent_covered"] < LOW
    ]
    for percent, name, missing in sorted(low):
        print(f"{percent:5.1f} %  {name}: {missing}")
    total = report["totals"]["percent_covered"]
    target = coverage.get_option("report:fail_under")
    assert isinstance(target, float | int)
    print(f"{len(low)} files below {LOW:.0f} %; {total:.1f} % of all lines ran, the target is {target} %.")
    return int(total < target)


def _ranges(lines: list[int]) -> str:
    """1, 2, 3, 7 as 1-3, 7."""
    found: list[list[int]] = []
    for line in lines:
        if found and line == found[-1][-1] + 1:
            found[-1].append(line)
        else:
            found.append([line])
    return ", ".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in found)


if __name__ == "__main__":
    sys.exit(main())

"""Build the site into a folder: `python -m docgen.site [FOLDER]`. A broken link, or any other warning, is a failure."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from docgen.site.navigation import ROOT
from docgen.site.stage import stage

SETTINGS = Path(__file__).parent


def build(place: Path) -> int:
    """Returns a process exit code; a site that was there is replaced when the new one is complete."""
    from sphinx.cmd.build import build_main

    with tempfile.TemporaryDirectory() as work:
        sources, made, cache = (Path(work, name) for name in ("pages", "site", "cache"))
        stage(sources)
        strict = ["--fail-on-warning", "--keep-going", "--quiet"]
        code = build_main([*strict, "-c", str(SETTINGS), "-d", str(cache), str(sources), str(made)])
        if code == 0:
            for left in (".buildinfo", "objects.inv"):
                (made / left).unlink()
            (made / "_sources").rmdir()
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(made, place)
    return code


def main() -> int:
    """Returns a process exit code."""
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "site"
    code = build(place)
    if code == 0:
        print(f"{place}/index.html")
    return code


if __name__ == "__main__":
    sys.exit(main())

"""`make lowest`: some quick tests with the oldest versions that pyproject.toml allows, in an environment for them.

llama-cpp-python, which is pinned to one version, is taken from this environment: nothing is compiled.

    python -m tests.lowest
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACE = ROOT / ".lowest"
HERE = Path(sysconfig.get_path("purelib"))
TOOLS = ("gguf", "hypothesis", "pyte", "pytest", "pytest-timeout", "pytest-xdist")
TESTS = (
    "chat_template/test_render.py",
    "cli/test_ask.py",
    "cli/test_config.py",
    "cli/test_help.py",
    "models/test_pull.py",
    "structured/test_gbnf.py",
    "terminal/test_markdown.py",
    "terminal/test_prompt_pty.py",
    "terminal/test_tables.py",
    "terminal/test_theme.py",
)
"""At least one file for each dependency."""


def main() -> int:
    """Install and test. Returns a process exit code."""
    shutil.rmtree(PLACE, ignore_errors=True)
    uv("venv", "-q", "--python", sys.executable, PLACE)
    python = next(path for path in (PLACE / "bin/python", PLACE / "Scripts/python.exe") if path.exists())
    packages = next(PLACE.rglob("site-packages"))
    (packages / "llama_cpp").symlink_to(HERE / "llama_cpp")
    info = next(HERE.glob("llama_cpp_python-*.dist-info"))
    shutil.copytree(info, packages / info.name)

    install = ("pip", "install", "-q", "--python", python)
    uv(*install, "--resolution", "lowest-direct", "-r", ROOT / "pyproject.toml")
    listed = uv("pip", "freeze", "--python", python)
    lowest = PLACE / "lowest.txt"
    lowest.write_text("".join(line + "\n" for line in listed.splitlines() if "llama" not in line))
    uv(*install, "-c", lowest, *(f"{tool}=={metadata.version(tool)}" for tool in TOOLS))

    sys.stderr.write(listed)
    tests = [ROOT / "tests" / name for name in TESTS]
    command = [python, "-m", "pytest", "-n", "2", "-p", "no:cacheprovider", "-m", "not slow", *tests]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "cli")}
    return subprocess.run([*map(str, command)], cwd=ROOT, env=environment, check=False).returncode


def uv(*arguments: str | Path) -> str:
    """Run uv; returns what it prints. If it fails, ends the process with its code; its own output says why."""
    command = [sys.executable, "-m", "uv", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())

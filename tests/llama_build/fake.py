"""A make-believe interpreter for the build: every step that it runs is over at once, or fails as a test wants it.

`Place` is a virtual environment with that interpreter, a cache folder, and a PATH with the real compilers.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
# FAILS: the step that fails, and as what. The log has a line for each step.
INTERPRETER = r"""#!{python}
import os, pathlib, shutil, signal, sys, tarfile, time
words, here = sys.argv[1:], pathlib.Path(sys.argv[0])
known = {"venv", "download", "install"} & set(words) or {pathlib.Path(words[0]).name}
step = known.pop()
with open(os.environ["STEPS"], "a") as log:
    log.write(step + " " + " ".join(words) + "\n")
fails, _, how = os.environ.get("FAILS", "").partition(":")
if fails == step:
    if how == "killed":
        pathlib.Path(words[1], "half.o").write_text("half")
        os.kill(os.getppid(), signal.SIGKILL)
    if how == "waits":
        while not os.path.exists(os.environ["GO"]):
            time.sleep(0.02)
    else:
        print(how.replace("|", "\n"))
        sys.exit(1)
if step == "venv":
    (pathlib.Path(words[-1]) / "bin").mkdir(parents=True)
    shutil.copy(here, pathlib.Path(words[-1]) / "bin" / "python")
elif step == "download":
    (pathlib.Path(words[-1]) / "llama_cpp_python-1" / "vendor").mkdir(parents=True)
    with tarfile.open(pathlib.Path(words[-1]) / "llama_cpp_python-1.tar.gz", "w:gz") as archive:
        archive.add(pathlib.Path(words[-1]) / "llama_cpp_python-1", "llama_cpp_python-1")
elif step == "make_wheel.py":
    print("[1/2] Building CXX object a.o\n[2/2] Linking CXX shared library liba.so", flush=True)
    pathlib.Path(words[1], "llama_cpp_python-1-py3-none-any.whl").write_bytes(b"wheel")
"""


@dataclass
class Place:
    """Runs the build; `environment` can be changed before."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.python = self.folder / "venv" / "bin" / "python"
        self.python.parent.mkdir(parents=True)
        self.python.write_text(INTERPRETER.replace("{python}", sys.executable))
        self.python.chmod(0o755)
        self.cache = self.folder / "cache"
        passed = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        self.environment = {
            **passed,
            "HOME": str(self.folder),
            "XDG_CACHE_HOME": str(self.cache),
            "STEPS": str(self.folder / "steps"),
            "PYTHONPATH": str(ROOT / "cli"),
            **self.environment,
        }

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "llama_build", "--python", str(self.python), *arguments]

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def steps(self) -> list[str]:
        """The steps that ran so far."""
        log = Path(self.environment["STEPS"])
        return [line.partition(" ")[0] for line in log.read_text().splitlines()] if log.exists() else []

    def program(self, name: str, text: str) -> Path:
        """Write a program into a folder that comes first on the PATH."""
        folder = self.folder / "programs"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
        if not self.environment["PATH"].startswith(str(folder)):
            self.environment["PATH"] = f"{folder}{os.pathsep}{self.environment['PATH']}"
        return folder / name

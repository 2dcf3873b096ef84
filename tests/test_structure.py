"""The house holds: who may import what, who may print, how long a file may be, what public files may say."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "cli" / "mull"
LONGEST = 350

# Each module or room and its floor; imports go down, or stay inside the same room.
FLOORS = {
    "errors": 1,
    "messages": 1,
    "control": 1,
    "suggest": 1,
    "fs": 2,
    "events": 2,
    "chat_template": 2,
    "settings": 3,
    "store": 3,
    "evaluation": 3,
    "config": 4,
    "structured": 4,
    "models": 4,
    "reasoning": 4,
    "terminal": 4,
    "engine": 5,
    "prompt_templates": 5,
    "turn": 6,
    "bench": 6,
    "backends": 7,
    "batch": 7,
    "conversation": 7,
    "commands": 8,
    "help": 8,
    "app": 9,
}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path.name not in {"__init__.py", "__main__.py"})


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] if node.module != "mull" else [f"mull.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found |= {
            name.split(".")[1] for name in names if name.startswith("mull.") and name != "mull.__version__"
        }
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_downward(path: Path) -> None:
    own = room(path)
    for other in imported_rooms(path) - {own}:
        assert FLOORS[other] < FLOORS[own], f"{own} (floor {FLOORS[own]}) must not import {other}"


@pytest.mark.parametrize(
    ("library", "rooms"),
    [
        ("llama_cpp", {"engine"}),
        ("rich", {"terminal"}),
        ("prompt_toolkit", {"terminal"}),
        ("sqlite3", {"store"}),
        ("huggingface_hub", {"models"}),
        ("jinja2", {"chat_template"}),
    ],
)
def test_a_library_stays_in_its_room(library: str, rooms: set[str]) -> None:
    spelled = re.compile(rf"^\s*(?:from|import) {library}\b", re.MULTILINE)
    users = {room(path) for path in modules() if spelled.search(path.read_text(encoding="utf-8"))}
    assert users <= rooms


HEAVY = ("llama_cpp", "huggingface_hub", "rich", "prompt_toolkit", "jinja2", "numpy", "sqlite3", "tomlkit")


def test_starting_imports_nothing_heavy() -> None:
    import sys

    code = f"import sys, mull.app, mull.commands.ask; print([n for n in {HEAVY!r} if n in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"


def test_files_hold_one_idea() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in modules()
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST
    }
    assert not long


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), (
        "a module's docstring is its contract"
    )


def test_posix_only_modules_are_not_imported_at_module_level() -> None:
    posix = re.compile(r"^(?:import|from) (termios|tty|fcntl|pty|resource|pwd|grp)\b", re.MULTILINE)
    assert not [path for path in modules() if posix.search(path.read_text(encoding="utf-8"))]


def test_the_public_surface_has_no_machine_in_it() -> None:
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    machine = re.compile(r"(?<![\w.])/(?:work|root|home/[a-z]+)/")
    found = []
    for name in listing.stdout.splitlines():
        path = ROOT / name
        if path.suffix in {".gguf", ".lock", ".svg"} or not path.is_file() or path == Path(__file__):
            continue
        if machine.search(path.read_text(encoding="utf-8", errors="replace")):
            found.append(name)
    assert not found


DISTRIBUTIONS = {
    "llama_cpp": "llama-cpp-python",
    "prompt_toolkit": "prompt-toolkit",
    "markdown_it": "markdown-it-py",
}


def test_every_import_is_a_declared_dependency() -> None:
    import sys
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[<>=~ ]", requirement)[0] for requirement in project["dependencies"]}
    imported = set()
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module.split(".")[0])
            elif isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
    foreign = imported - set(sys.stdlib_module_names) - {"mull"}
    assert {DISTRIBUTIONS.get(name, name.replace("_", "-")) for name in foreign} <= declared

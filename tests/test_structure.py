"""The rules of the source tree: who may import what, how long a file may be, what public files must not contain."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.imports import Sources, circles

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "cli" / "mull"
LONGEST = 350  # lines of a file
MOST_MODULES = 33

# Each module or package at the top level of mull, and its floor: it imports from lower floors and from itself only.
FLOORS = {
    "dataclass": 0,
    "errors": 1,
    "messages": 1,
    "control": 1,
    "suggest": 1,
    "fs": 2,
    "network": 2,
    "events": 2,
    "job_events": 3,
    "chat_template": 3,
    "settings": 3,
    "store": 3,
    "endpoints": 3,
    "config": 5,
    "api": 5,
    "structured": 4,
    "models": 4,
    "reasoning": 4,
    "terminal": 4,
    "engine": 5,
    "page": 5,
    "prompt_templates": 6,
    "turn": 6,
    "backends": 7,
    "bench": 8,
    "batch": 8,
    "server": 8,
    "conversation": 8,
    "evaluation": 9,
    "keep_alive": 9,
    "commands": 10,
    "help": 8,
    "app": 11,
}


# Each library and the modules that may import it, alone or with all below them.
LIBRARIES = {
    "llama_cpp": ("mull.engine",),
    "rich": ("mull.terminal",),
    "prompt_toolkit": ("mull.terminal",),
    "sqlite3": ("mull.store",),
    "huggingface_hub": ("mull.models.hub", "mull.models.disk"),
    "jinja2": ("mull.chat_template",),
    "matplotlib": ("mull.evaluation.report",),
    "starlette": ("mull.server",),
    "yaml": ("mull.models.provenance",),
    "uvicorn": ("mull.server",),
}

MULL = Sources.of(PACKAGE)


def modules() -> list[Path]:
    return [path for path in MULL.paths.values() if path.name not in {"__init__.py", "__main__.py"}]


def lies_in(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def top_level(sources: Sources) -> set[str]:
    return {name.split(".")[1] for name in sources.paths if "." in name and not name.endswith(".__main__")}


# The rules, as lists of what breaks them


def import_circles(sources: Sources) -> Iterator[str]:
    graph = sources.inner()
    for circle in circles(graph):
        arrows = [
            f"  {name} imports {other} ({sources.lines(name, other)})"
            for name in circle
            for other in sorted(graph[name] & set(circle))
        ]
        yield "\n".join([" ↔ ".join(circle), *arrows])


def upward_imports(sources: Sources, floors: dict[str, int]) -> Iterator[str]:
    for name, others in sources.inner().items():
        if "." not in name or name.endswith(".__main__"):
            continue
        own = name.split(".")[1]
        for other in sorted(others):
            top = other.split(".")[1] if "." in other else own
            if top != own and not floors[top] < floors[own]:
                where = sources.lines(name, other)
                yield f"{own} (floor {floors[own]}) must not import {other} (floor {floors[top]}): {where}"


def strangers_to_helpers(sources: Sources) -> Iterator[str]:
    """Imports of a module with an underscore from outside of its folder."""
    for name, others in sources.inner().items():
        for other in sorted(others):
            parts = other.split(".")
            private = next((i for i, part in enumerate(parts) if re.match("_[^_]", part)), None)
            if private is not None and not lies_in(name, ".".join(parts[:private])):
                yield f"{other} is private to {'.'.join(parts[:private])}: {sources.lines(name, other)}"


def libraries_outside(sources: Sources, libraries: dict[str, tuple[str, ...]]) -> Iterator[str]:
    for name, found in sources.imports.items():
        for one in found:
            allowed = libraries.get(one.target.split(".")[0])
            if allowed is not None and not lies_in(name, *allowed):
                yield f"{one.target} belongs to {', '.join(allowed)}: {sources.paths[name]}:{one.line}"


READERS = {"json": ("load", "loads", "JSONDecoder"), "tomllib": ("load", "loads")}
"""Parsers of the standard library, which know no limits of depth, of values or of the parts of a key."""
GUARDS = ("mull.fs.json_text", "mull.fs.toml_text", "mull.store.session_file")


def unguarded_parsers(sources: Sources) -> Iterator[str]:
    for name, path in sources.paths.items():
        if lies_in(name, *GUARDS):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            used = (
                {(node.module, alias.name) for alias in node.names}
                if isinstance(node, ast.ImportFrom)
                else {(node.value.id, node.attr)}
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
                else set()
            )
            for module, function in used:
                if function in READERS.get(module or "", ()):
                    yield f"{module}.{function} in {path}:{node.lineno}: parse with fs/json_text or fs/toml_text"


# The tree of mull


def test_no_circle_of_modules() -> None:
    found = list(import_circles(MULL))
    assert not found, "\n".join(found)


def test_imports_go_downward() -> None:
    found = list(upward_imports(MULL, FLOORS))
    assert not found, "\n".join(found)


def test_every_module_at_the_top_level_has_a_floor() -> None:
    assert FLOORS.keys() == top_level(MULL)
    assert len(FLOORS) <= MOST_MODULES


def test_json_and_toml_are_parsed_within_limits() -> None:
    found = list(unguarded_parsers(MULL))
    assert not found, "\n".join(found)


def test_underscored_modules_are_imported_from_their_own_folder_only() -> None:
    found = list(strangers_to_helpers(MULL))
    assert not found, "\n".join(found)


ABOVE_BACKENDS = (
    *("mull.conversation", "mull.batch", "mull.evaluation"),
    *(
        f"mull.commands.{name}"
        for name in ("ask", "chat", "batch", "bench", "eval", "_run_config", "_session", "_tune")
    ),
)


def test_what_asks_a_model_knows_only_the_backend_protocol() -> None:
    graph = MULL.inner()
    found = {
        name: [other for other in others if lies_in(other, "mull.engine", "mull.turn")]
        for name, others in graph.items()
        if lies_in(name, *ABOVE_BACKENDS)
    }
    assert not {name: others for name, others in found.items() if others}


def test_libraries_are_imported_only_where_they_belong() -> None:
    found = list(libraries_outside(MULL, LIBRARIES))
    assert not found, "\n".join(found)


def test_the_generators_of_docs_do_not_import_tests() -> None:
    """But for the pictures of screens, which need the tests' terminal and scripted models. Their table does not."""
    docgen = Sources.of(ROOT / "cli" / "docgen")
    users = {name for name, found in docgen.imports.items() for one in found if lies_in(one.target, "tests")}
    assert users <= {f"docgen.screens.{name}" for name in ("play", "record", "scripts")}


# The checker itself

FAKE = {
    "__init__.py": "",
    "app.py": "import pack.low\nfrom pack.high import top\n",
    "low.py": "",
    "high/__init__.py": "",
    "high/top.py": "def f():\n    from . import side\n    from ..low import x\n",
    "high/side.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pack.high.top import f\n",
    "high/_own.py": "import rich.text\n",
    "high/deep/__init__.py": "",
    "high/deep/user.py": "from pack.high import _own\n",
    "other.py": "from pack.high._own import y\nfrom rich import z\nimport pack.app\n",
}


@pytest.fixture
def fake(tmp_path: Path) -> Sources:
    for name, text in FAKE.items():
        path = tmp_path / "pack" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Sources.of(tmp_path / "pack")


def test_the_checker_sees_every_form_of_import(fake: Sources) -> None:
    graph = fake.inner()
    assert graph["pack.app"] == {"pack.low", "pack.high.top"}
    assert graph["pack.high.top"] == {"pack.high.side", "pack.low"}
    assert graph["pack.high.side"] == {"pack.high.top"}
    assert graph["pack.high.deep.user"] == {"pack.high._own"}


def test_the_checker_finds_a_circle_and_its_lines(fake: Sources) -> None:
    (found,) = import_circles(fake)
    assert found.startswith("pack.high.side ↔ pack.high.top")
    assert "top.py:2" in found
    assert "side.py:3" in found


def test_the_checker_finds_a_circle_of_many() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set(), "e": {"a"}}) == [["a", "b", "c"]]
    assert circles({"a": {"b"}, "b": {"a"}, "c": {"d", "a"}, "d": {"c"}}) == [["a", "b"], ["c", "d"]]
    assert circles({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}) == []


def test_the_checker_finds_an_upward_import(fake: Sources) -> None:
    (found,) = upward_imports(fake, {"low": 1, "high": 2, "other": 3, "app": 3})
    assert "must not import pack.app" in found
    assert "other.py:3" in found


def test_the_checker_finds_a_helper_used_elsewhere(fake: Sources) -> None:
    (found,) = strangers_to_helpers(fake)
    assert "other.py:1" in found


def test_the_checker_finds_a_library_elsewhere(fake: Sources) -> None:
    (found,) = libraries_outside(fake, {"rich": ("pack.high",)})
    assert "other.py:2" in found


# Files and start-up

HEAVY = ("llama_cpp", "huggingface_hub", "rich", "prompt_toolkit", "jinja2", "numpy", "sqlite3", "tomlkit")


def test_starting_imports_nothing_heavy() -> None:
    # What measures the test's coverage has imported sqlite3 before.
    code = (
        "import sys; before = {*sys.modules}; import mull.app, mull.commands.ask; "
        f"print([n for n in {HEAVY!r} if n in sys.modules.keys() - before])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"


# What `mull ask` does, beside its flags: the help and completion are shown without it.
WORK = (
    "config",
    "control",
    "conversation",
    "events",
    "models",
    "backends",
    "store",
    "terminal.views",
    "turn",
)


def test_the_flags_of_ask_import_none_of_its_work() -> None:
    code = "import sys, mull.commands.ask; print(*[n for n in sys.modules if n.startswith('mull.')])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "mull.commands._ask_options" in loaded.split()
    assert not [name for name in loaded.split() if lies_in(name, *(f"mull.{room}" for room in WORK))]


def test_files_are_short() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in modules()
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST
    }
    assert not long


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_has_a_docstring(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), (
        "a module's docstring is its contract"
    )


def test_posix_only_modules_are_not_imported_at_module_level() -> None:
    posix = re.compile(r"^(?:import|from) (termios|tty|fcntl|pty|resource|pwd|grp)\b", re.MULTILINE)
    assert not [path for path in modules() if posix.search(path.read_text(encoding="utf-8"))]


def test_frozen_classes_with_slots_are_made_the_quick_way() -> None:
    """`mull.dataclass` makes them in a third of the time that the standard library's decorator takes."""
    librarys = re.compile(r"^from dataclasses import .*\bdataclass\b|@dataclasses\.dataclass", re.MULTILINE)
    sources = {path: path.read_text(encoding="utf-8") for path in modules() if path.name != "dataclass.py"}
    frozen = {path: text for path, text in sources.items() if "dataclass(frozen=True, slots=True)" in text}
    assert frozen
    assert not [path for path, text in frozen.items() if librarys.search(text)]


def test_public_files_name_no_path_of_a_machine() -> None:
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
    "yaml": "pyyaml",
}


def test_every_import_is_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = [*project["dependencies"], *project["optional-dependencies"]["plots"]]
    declared = {re.split(r"[<>=~ ]", requirement)[0] for requirement in required}
    imported = {one.target.split(".")[0] for found in MULL.imports.values() for one in found}
    foreign = imported - set(sys.stdlib_module_names) - {"mull"}
    assert {DISTRIBUTIONS.get(name, name.replace("_", "-")) for name in foreign} <= declared

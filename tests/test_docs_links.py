"""The pages of docs/ lead somewhere: relative links resolve, and the code that the contributors' pages name exists.

In the pages of `NAMING`, text in backticks outside code blocks that looks like a path, a class, a constant, a function
or a dotted name is looked up in the repository. Code blocks may name what does not exist yet.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "cli" / "mull"
DOCS = ROOT / "docs"
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "cli/pebble/README.md", *DOCS.rglob("*.md")]
)
NAMING = [DOCS / "ARCHITECTURE.md", DOCS / "CONTRIBUTING.md"]
FOLDERS = [ROOT, ROOT / "cli", PACKAGE, DOCS]
"""Where a path in a page may begin."""

FENCE = re.compile(r"^ *(```+|~~~+).*?^ *\1 *$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"[\w*-]+(?:/[\w.*-]+)+/?|[\w*-]+/|[\w-]+\.(?:py|md|toml)")
NAME = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)(?:\(\))?|([a-z_]\w*)\(\)|([A-Z]\w+)")
FOREIGN = re.compile(
    r"(sys|pytest|llama_cpp|prompt_toolkit|huggingface_hub|sqlite3|jinja2)(\..*)?|None|MULL_\w+|.*\.(jinja|json)|GGML\w+"
)
"""Names that are not mull's."""


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return {slug(heading) for heading in re.findall(r"^#+ +(.+)$", text, re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_resolve(page: Path) -> None:
    text = CODE.sub("", FENCE.sub("", page.read_text(encoding="utf-8")))
    broken = []
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(path)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_of_the_repository_exist(page: Path) -> None:
    named = re.findall(r"`((?:cli|tests)/[\w./-]+)`", FENCE.sub("", page.read_text(encoding="utf-8")))
    assert not [path for path in named if not (ROOT / path).exists()]


@functools.cache
def definitions() -> dict[str, set[str]]:
    """Of every module (dotted) and every class: the names that it defines, inherited ones included."""
    found: dict[str, set[str]] = {}
    bases: dict[str, set[str]] = {}
    for top, root in ((ROOT / "cli", ROOT / "cli"), (ROOT / "tests", ROOT)):
        for path in top.rglob("*.py"):
            parts = path.relative_to(root).with_suffix("").parts
            module = ".".join(part for part in parts if part != "__init__")
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found.setdefault(module, set()).update(defined(tree.body))
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    found.setdefault(node.name, set()).update(defined(node.body), attributes(node))
                    bases.setdefault(node.name, set()).update(
                        base.id for base in node.bases if isinstance(base, ast.Name)
                    )
    for name, parents in bases.items():
        for parent in parents:
            found[name] |= found.get(parent, set())
    return found


def defined(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def attributes(node: ast.ClassDef) -> Iterator[str]:
    """What the methods of a class assign to `self`."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
            yield inner.attr


def exists(name: str) -> bool:
    """Whether a name is a module or a class, or what one of them defines; a module's first parts may be left out."""
    known = definitions()
    if "." not in name:
        return name in known or any(name in names for names in known.values())
    if any(module == name or module.endswith("." + name) for module in known):
        return True
    owner, _, last = name.rpartition(".")
    return any(last in known[place] for place in known if place == owner or place.endswith("." + owner))


def is_file(name: str) -> bool:
    if any(list(folder.glob(name.rstrip("/"))) for folder in FOLDERS):
        return True
    return "/" not in name and any(PACKAGE.rglob(name))


def unknown(text: str) -> Iterator[str]:
    """What a page names and the repository lacks."""
    for code in CODE.findall(FENCE.sub("", text)):
        if PATH.fullmatch(code):
            if not is_file(code):
                yield code
            continue
        match = NAME.fullmatch(code)
        if match and not FOREIGN.fullmatch(code) and not exists(next(filter(None, match.groups()))):
            yield code


@pytest.mark.parametrize("page", NAMING, ids=lambda page: page.name)
def test_the_code_that_a_page_names_exists(page: Path) -> None:
    assert not sorted(set(unknown(page.read_text(encoding="utf-8"))))


def test_a_name_that_does_not_exist_is_found() -> None:
    wrong = ["backends/gone.py", "GoneBackend", "events.Gone", "gone()", "LocalBackend.gone", "gone.py"]
    assert list(unknown(" ".join(f"`{name}`" for name in wrong))) == wrong
    right = (
        "`backends/local.py` `local.py` `LocalBackend.name` `events.Done` `app.main()` `KEYS` `mull --help`"
    )
    assert not list(unknown(f"{right}\n```python\ngone()\n`gone()`\n```\n"))


def test_the_architecture_page_names_every_module() -> None:
    page = (DOCS / "ARCHITECTURE.md").read_text(encoding="utf-8")
    folders = [path.parent.relative_to(PACKAGE) for path in PACKAGE.rglob("__init__.py")]
    names = {f"{folder}/" for folder in folders if folder.parts}
    names |= {path.name for path in PACKAGE.glob("*.py") if not path.name.startswith("__")}
    assert not {name for name in names if f"`{name}`" not in page}


SYSTEM = {"DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME", "TERMUX_VERSION", "LOCALAPPDATA", "PYTHONPATH"}
"""Variables that the system sets, read to find out where mull runs."""
COMPLETION = re.compile("_MULL_|_TYPER_|COMP_")
"""Variables that the completion scripts set for one press of Tab."""


def test_every_environment_variable_is_documented() -> None:
    page = (DOCS / "environment.md").read_text(encoding="utf-8")
    read = re.compile(r"environ(?:\.get\(|\[)\s*\"([A-Z_]+)\"|\"(MULL_[A-Z_]+)\"")
    sources = (path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    names = {name for text in sources for match in read.findall(text) for name in match if name}
    internal = {name for name in names if COMPLETION.match(name)}
    assert not {name for name in names - SYSTEM - internal if f"`{name}`" not in page}


def test_every_page_has_a_place_in_the_site() -> None:
    """`NAVIGATION` in cli/docgen/site/navigation.py lists the pages of the site in their order."""
    from docgen.site.navigation import pages

    every = {path.relative_to(ROOT).as_posix() for path in PAGES}
    assert sorted(pages()) == sorted(every), (
        "NAVIGATION in cli/docgen/site/navigation.py names every page once"
    )

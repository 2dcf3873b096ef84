"""Which module imports which, read from the sources: every import statement counts, wherever it stands.

Imports inside functions and under TYPE_CHECKING are included, `from package import module` names the module, and
relative imports are resolved. Nothing is imported or run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class Import:
    """One name that a module imports: `target` is a module of the package, or a dotted name from elsewhere."""

    target: str
    line: int


@dataclass
class Sources:
    """The modules of a package by dotted name; a package is named like its folder."""

    paths: dict[str, Path]

    @classmethod
    def of(cls, folder: Path) -> Sources:
        paths = {}
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder.parent).with_suffix("").parts
            paths[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
        return cls(paths)

    @cached_property
    def imports(self) -> dict[str, list[Import]]:
        return {
            name: list(self._imports(name, ast.parse(path.read_text(encoding="utf-8"))))
            for name, path in self.paths.items()
        }

    def _imports(self, module: str, tree: ast.Module) -> Iterator[Import]:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from (Import(alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = self._base(module, node)
                for alias in node.names:
                    inner = f"{base}.{alias.name}"
                    yield Import(inner if inner in self.paths else base, node.lineno)

    def _base(self, module: str, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = module.split(".")
        if self.paths[module].name != "__init__.py":
            package.pop()
        above = package[: len(package) - node.level + 1]
        return ".".join([*above, node.module] if node.module else above)

    def inner(self) -> dict[str, set[str]]:
        """The graph of imports between modules of the package."""
        return {
            name: {one.target for one in found if one.target in self.paths and one.target != name}
            for name, found in self.imports.items()
        }

    def lines(self, importer: str, target: str) -> str:
        """`path:line` of each import of the target."""
        where = [one.line for one in self.imports[importer] if one.target == target]
        return ", ".join(f"{self.paths[importer]}:{line}" for line in where)


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """The strongly connected components of more than one node, each sorted (Tarjan's algorithm)."""
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(node: str) -> None:
        index[node] = lowest[node] = len(index)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
                lowest[node] = min(lowest[node], lowest[other])
            elif other in stack:
                lowest[node] = min(lowest[node], index[other])
        if lowest[node] == index[node]:
            component = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(component) > 1:
                found.append(sorted(component))

    for node in graph:
        if node not in index:
            visit(node)
    return sorted(found)

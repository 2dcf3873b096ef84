"""The recipes of docs/scripting.md, each run by bash unchanged.

A recipe is a heading of the cookbook with one block of bash. It runs in a folder of its own with `mull` on the PATH;
what it finds there, which model answers, and what must come of it stand in `RECIPES` under its heading. Where pebble
can answer it does; elsewhere a model that plays a script says what a bigger one might.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.cli.conftest import CHATML
from tests.model_files.scripted import write_scripted

PAGE = Path(__file__).parents[2] / "docs" / "scripting.md"
REPOSITORY = "git init -q . && git config user.email a@example.org && git config user.name A && git add -A"


@dataclass(frozen=True)
class Recipe:
    """`says`: the answer of a script-playing model; None is pebble. `checks`: commands, and what they print afterwards.

    `endless`: it goes on saying it. `broods`: it answers only without thinking.
    """

    says: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    before: str = ""
    prints: str | None = None
    checks: Mapping[str, str] = field(default_factory=dict)
    code: int = 0
    endless: bool = False
    broods: bool = False


def equal(command: str, wanted: str) -> dict[str, str]:
    return {command: wanted}


RECIPES: dict[str, Recipe] = {
    "A commit message": Recipe(
        says="Add a file",
        files={"a.txt": "one\n"},
        before=REPOSITORY,
        checks=equal("git log --format=%s", "Add a file\n"),
    ),
    "Explain a failing command": Recipe(
        says="The folder is not there.",
        prints="ls: cannot access '/no/such/folder': No such file or directory\nexit 2\n",
    ),
    "A column for a CSV": Recipe(
        says="positive",
        files={"reviews.csv": "good\nfine\n"},
        checks=equal("cat labelled.csv", "good,positive\nfine,positive\n"),
    ),
    "Fields to JSON, and what jq makes of them": Recipe(
        says='{"name": "Ada", "age": 36}', files={"mail.txt": "Ada, 36"}, prints="Ada is 36\n"
    ),
    "One of a few labels": Recipe(says="bug", prints="to the bug tracker\n"),
    "Only the code of an answer": Recipe(
        says="Like this:\n\n```sh\necho hello\n```\n\nThat is all.", prints="hello\n"
    ),
    "Many questions to one model": Recipe(
        says="A fruit.", files={"names.txt": "apple\npear\n"}, prints="apple: A fruit.\npear: A fruit.\n"
    ),
    "Summarize a folder, file by file": Recipe(
        says="Short.",
        files={"notes/a.txt": "a", "notes/b c.txt": "b", "notes/d.txt": "d", "notes/d.txt.summary": "Old.\n"},
        checks=equal("cat notes/*.summary; ls notes | wc -l", "Short.\nShort.\nOld.\n6\n"),
    ),
    "A reviewer in a git hook": Recipe(
        says="A careless change.\nFAIL", files={"a.txt": "one\n"}, before=REPOSITORY, code=1
    ),
    "Ask again when the answer was cut, or never came": Recipe(
        says="Done", broods=True, prints="exit 0\n", checks=equal("cat answer.txt", "Done\n")
    ),
    "A time limit": Recipe(says="Red, green, blue.", prints="Red, green, blue.\n"),
    "Several at once with xargs": Recipe(
        says="A colour.", checks=equal("cat red.txt green.txt blue.txt", "A colour.\n" * 3)
    ),
    "From cron, without a terminal": Recipe(
        says="Good morning.", checks=equal("tail -n 1 log.txt; wc -l <log.txt", "Good morning.\n2\n")
    ),
    "A Makefile target": Recipe(
        says="In short.", files={"report.txt": "long"}, checks=equal("cat summary.txt", "In short.\n")
    ),
    "A conversation from a here-document": Recipe(prints="42\n47\n"),
    "Yes or no in an if": Recipe(says="Yes.", prints="larger\n"),
    "Compare two files": Recipe(
        says="A line.", files={"old.txt": "a\n", "new.txt": "a\nb\n"}, prints="A line.\n"
    ),
    "Ask about what a command prints": Recipe(says="proc", prints="proc\n"),
    "Thinking and answer in separate files": Recipe(
        checks=equal("cat answer.txt; grep -c 7+8 thoughts.txt", "105\n1\n")
    ),
    "Numbers out of the JSON": Recipe(says="42", prints="42 after 0 tokens of thinking\n"),
    "Events as they happen": Recipe(says="42", prints="42"),
    "A template for a team": Recipe(prints="19\n"),
    "The same answer every time": Recipe(checks=equal("cat two.txt", "42\n")),
    "Another model for one script": Recipe(prints="pebble\n"),
    "Only the first line": Recipe(says="1\n2\n3\n4", endless=True, prints="1\n"),
    "File names with anything in them": Recipe(
        says="No", files={"a b\nc.log": "x", "d.log": "y"}, prints="No\nNo\n"
    ),
    "What did it say last week?": Recipe(
        says="Red, green, blue.", checks=equal("grep -c 'Red, green, blue' colours.md", "1\n")
    ),
    "An error that a script can read": Recipe(prints="unknown_model\n"),
}


def recipes() -> dict[str, str]:
    """Heading to block of bash, from the page."""
    cookbook = PAGE.read_text(encoding="utf-8").partition("\n## Cookbook\n")[2].partition("\n## ")[0]
    found = {}
    for part in re.split(r"^### ", cookbook, flags=re.MULTILINE)[1:]:
        blocks = re.findall(r"^```bash\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)
        assert len(blocks) == 1, part
        found[part.partition("\n")[0]] = blocks[0]
    return found


def write_model(path: Path, recipe: Recipe) -> Path:
    """The model that answers in a recipe."""
    says = [recipe.says or ""]
    if recipe.broods:
        markers = ["<think>", "</think>"]
        script = ["<think>", "\nHm."]
        return write_scripted(path, script, starts={"\n\n": says}, template=CHATML, user_defined=markers)
    return write_scripted(path, says, template=CHATML, end=not recipe.endless)


Bash = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture
def bash(home: dict[str, str], tmp_path: Path) -> Bash:
    """Run a script in an empty folder, with `mull` and the tests' own home."""
    programs, folder = tmp_path / "programs", tmp_path / "folder"
    programs.mkdir()
    folder.mkdir()
    kept = " ".join(f'{name}="{value}"' for name, value in home.items() if name not in {"PATH", "HOME"})
    mull = programs / "mull"
    mull.write_text(f'#!/bin/sh\nexec env {kept} "{sys.executable}" -m mull "$@"\n')
    mull.chmod(0o755)

    def run(script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", script],
            cwd=folder,
            env={**home, "PATH": f"{programs}{os.pathsep}{home['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def test_every_recipe_is_tested_and_every_test_has_its_recipe() -> None:
    assert set(recipes()) == set(RECIPES)
    assert len(RECIPES) >= 20


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize("title", RECIPES)
def test_recipe(title: str, bash: Bash, tmp_path: Path) -> None:
    script, recipe = recipes()[title], RECIPES[title]
    for tool in ("jq", "git", "make", "timeout"):
        if re.search(rf"\b{tool}\b", script + recipe.before) and shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
    for name, text in recipe.files.items():
        path = tmp_path / "folder" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    if recipe.says is not None:
        model = write_model(tmp_path / "model.gguf", recipe)
        script = f'mkdir -p "$MULL_CONFIG_DIR"; mull config set model "{model}"\n{script}'
    assert bash(recipe.before).returncode == 0
    done = bash(f"set -u\n{script}")
    assert done.returncode == recipe.code, done.stderr
    assert "Traceback" not in done.stderr
    if recipe.prints is not None:
        assert done.stdout == recipe.prints
    for command, wanted in recipe.checks.items():
        assert bash(command).stdout == wanted

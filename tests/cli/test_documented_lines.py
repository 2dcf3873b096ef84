"""The lines of the README run as they stand in a new user's home; those of all pages parse.

A line that needs a real model names it with -m. In a new home it ends with the `mull pull` line to run; with a model of
that name, here one that plays a script, it gives its result. tests/cli/test_cookbook.py runs the recipes.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from mull.models.catalogue.catalogue import load_catalogue
from tests.cli.conftest import CHATML
from tests.cli.test_cookbook import REPOSITORY, Bash
from tests.cli.test_cookbook import bash as bash  # noqa: PLC0414 - a fixture
from tests.cli.test_help import ROOT, parse
from tests.model_files.scripted import write_scripted

TOP = Path(__file__).parents[2]
PAGES = [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))]
SHELL = re.compile(r"^ *```(console|bash|sh)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
BIG = "gpt-oss-20b"

PRINTS = {
    'mull "What is 17 * 23?"': "391",
    'mull --no-reason "What is 17 * 23?"': r"\d+",  # without thinking it may well be wrong
    'mull --effort high "What is 17 * 23?"': "391",
    'mull --think-budget 200 "What is 17 * 23?"': "391",
    """printf 'b\\na\\n' | mull "sort these\"""": "a, b|a",
    'mull --json "What is 17 * 23?"': r'\{"v": 1, .*"answer": "391".*\}',
    'mull -c "and plus 5?"': "396",
    "mull sessions": r".*\t.*17 \* 23.*\t2\tpebble\t.*",
    "mull doctor": "Self-check\tpassed",
    "mull models --best": r".*\bpull\b.*",
}
"""What pebble, or no model, prints on stdout, by line."""

ANSWERS = {
    "Write a commit message": ("Add a file", "Add a file"),
    "What is this project about?": ("A chat.", r"A chat\."),
    "Anna is 31.": ('{"name": "Anna", "age": 31}', r'\{"name": "Anna", "age": 31\}'),
    "Write hello world in Python.": ("```python\nprint(1)\n```", ""),
    "batch": ("Yes", ""),
    "Hello": ("Hi.", r"Hi\."),
    "inspect": ("Hi.", "Thinking\tcan be switched"),
}
"""What a real model says to a line that has these words, and what stdout has then."""

ELSEWHERE = {"mull", f"mull pull {BIG}", "mull eval", "mull bench", f"mull bench -m {BIG} --tune"}
"""Lines that open a chat, download or measure. Other tests run them."""


def commands(page: Path) -> Iterator[str]:
    """The lines that a page gives to a shell, without comments after them."""
    for kind, block in SHELL.findall(page.read_text(encoding="utf-8")):
        for line in map(str.strip, block.splitlines()):
            if kind != "console":
                yield line
            elif line.startswith("$ "):
                yield re.sub(r"\s+# .*", "", line[2:])


def calls(line: str) -> Iterator[list[str]]:
    """The words of each call of mull in a line."""
    lexer = shlex.shlex(re.sub(r"<\(.*?\)", "FILE", line), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:  # a quotation that goes on in the next line
        return
    while words:
        end = next((place for place, word in enumerate(words) if set(word) <= set("|&;()<>")), len(words))
        call, words = words[:end], words[end + 1 :]
        while call and re.fullmatch(r"do|then|if|time|env|\w+=\S*", call[0]):
            call = call[1:]
        if call and call[0].rpartition("/")[2] == "mull":
            yield call[1:]


UNKNOWN = {"no-such-model"}  # an example of an error
README = list(commands(PAGES[0]))
DOCUMENTED = {(page.name, *call) for page in PAGES for line in commands(page) for call in calls(line)}


def test_the_models_that_lines_name_are_in_the_catalogue() -> None:
    """Besides paths, names on the Hub, models of endpoints and placeholders in capitals."""
    catalogue = load_catalogue(None)
    named = {
        name
        for _, *call in DOCUMENTED
        for option, value in pairwise(call)
        if option in {"-m", "--model", "--models", "--against", "--draft"}
        for name in value.split(",")
        if not re.search(r"[@/]|\.gguf$|^[A-Z_…$]+$", name)
    }
    assert "qwen3-4b" in named
    unknown = {name for name in named if catalogue.find(name.partition(":")[0]) is None}
    assert unknown == UNKNOWN


@pytest.mark.parametrize("call", sorted(DOCUMENTED), ids=" ".join)
def test_every_documented_call_parses(call: tuple[str, ...]) -> None:
    parse(ROOT, "mull", [re.sub(r"\bN\b", "1", word) for word in call[1:]])


def test_the_pages_have_calls() -> None:
    assert {page for page, *_ in DOCUMENTED} >= {
        "README.md",
        "cache.md",
        "models.md",
        "pulling.md",
        "scripting.md",
    }
    assert len(DOCUMENTED) > 60


def answer_of(line: str) -> tuple[str, str] | None:
    return next((answer for words, answer in ANSWERS.items() if words in line), None)


def test_every_line_of_the_readme_is_run_here_or_elsewhere() -> None:
    mine = [line for line in README if not line.startswith("make ")]
    assert not [line for line in mine if line not in PRINTS and line not in ELSEWHERE and not answer_of(line)]
    assert not PRINTS.keys() - {*mine}
    assert all(f"-m {BIG}" in line or "./model.gguf" in line for line in mine if answer_of(line))


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_lines_for_pebble_run_in_a_new_home(bash: Bash) -> None:
    for line in README:  # one after the other: `mull -c` continues
        if line in PRINTS:
            done = bash(line)
            assert done.returncode == 0, (line, done.stderr)
            assert re.search(rf"^{PRINTS[line]}$", done.stdout, re.MULTILINE), (line, done.stdout)


@pytest.mark.skipif(shutil.which("bash") is None or shutil.which("git") is None, reason="needs bash and git")
@pytest.mark.parametrize("line", [line for line in README if answer_of(line)])
def test_the_lines_for_a_real_model(line: str, bash: Bash, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "README.md").write_text("A chat.")
    (folder / "questions.jsonl").write_text('"Is it so?"\n')
    assert bash(f"{REPOSITORY} && echo more >README.md").returncode == 0
    if f"-m {BIG}" in line:
        refused = bash(line)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert f"mull pull {BIG}" in refused.stderr
    answer = answer_of(line)
    assert answer is not None
    model = write_scripted(folder / "model.gguf", [answer[0]], template=CHATML)
    done = bash(line.replace(f"-m {BIG}", f"-m {model}"))
    assert done.returncode == 0, done.stderr
    assert re.search(rf"^{answer[1]}", done.stdout, re.MULTILINE), done.stdout
    if "hello.py" in line:
        assert (folder / "hello.py").read_text() == "print(1)\n"
    if "answers.jsonl" in line:
        assert '"answer": "Yes"' in (folder / "answers.jsonl").read_text()

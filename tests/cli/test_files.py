"""`-f` with folders and patterns: what is attached, in which order, and what is left out."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mull.errors import MullError
from mull.fs import text_files
from mull.fs.text_files import is_many, read_text_files
from mull.store.sessions import open_store
from tests.conftest import Run

Tree = Callable[..., Path]
Attached = Callable[[], list[str]]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """Make files of these names, and work where they are."""
    monkeypatch.chdir(tmp_path)

    def make(*names: str, **texts: str) -> Path:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(texts.get("text", f"text of {name}\n"), encoding="utf-8")
        return tmp_path

    return make


def found(name: str) -> list[str]:
    return [path for path, _ in read_text_files(name).files]


@pytest.mark.parametrize(
    ("name", "files"),
    [
        (".", ["b.py", "src/a.py", "src/deep/c.py", "src/deep/d.txt", "z.md"]),
        ("src", ["src/a.py", "src/deep/c.py", "src/deep/d.txt"]),
        ("src/", ["src/a.py", "src/deep/c.py", "src/deep/d.txt"]),
        ("*.py", ["b.py"]),
        ("**/*.py", ["b.py", "src/a.py", "src/deep/c.py"]),
        ("src/**/*.py", ["src/a.py", "src/deep/c.py"]),
        ("src/**", ["src/a.py", "src/deep/c.py", "src/deep/d.txt"]),
        ("s*/*.py", ["src/a.py"]),
        ("s*", ["src/a.py", "src/deep/c.py", "src/deep/d.txt"]),
        ("[bz].*", ["b.py", "z.md"]),
        ("?.md", ["z.md"]),
        ("./src/*.py", ["src/a.py"]),
        (".h*", [".hidden"]),
    ],
)
def test_folders_and_patterns(tree: Tree, name: str, files: list[str]) -> None:
    tree(
        "src/deep/d.txt", "src/deep/c.py", "z.md", "src/a.py", "b.py", ".hidden", ".git/config", "src/.x/y.py"
    )
    assert found(name) == files


def test_gitignore_files_count_from_the_root_of_the_repository_down(tree: Tree) -> None:
    tree(
        "r/.git/HEAD", "r/.git/info/x", "r/a.log", "r/keep.log", "r/src/b.log", "r/src/c.py", "r/src/out/d.py"
    )
    tree("r/src/sub/e.py", "r/src/sub/f.tmp", "r/private.py")
    Path("r/.gitignore").write_text("*.log\n!keep.log\nout/\n")
    Path("r/src/.gitignore").write_text("*.tmp\n!b.log\n")
    Path("r/.git/info/exclude").write_text("/private.py\n")
    assert found("r") == ["r/keep.log", "r/src/b.log", "r/src/c.py", "r/src/sub/e.py"]
    assert found("r/src/sub") == ["r/src/sub/e.py"]
    assert found("r/**/*.log") == ["r/keep.log", "r/src/b.log"]
    assert not is_many("r/a.log")  # a file that is named itself is attached


def test_a_hostile_gitignore_costs_no_time(tree: Tree) -> None:
    tree("a" * 200 + ".py", "b.py")
    Path(".git").mkdir()
    Path(".gitignore").write_text("a*" * 40 + "b\n" + "[\n" + "\udcff", errors="surrogateescape")
    began = time.process_time()
    assert "b.py" in found(".")
    Path(".gitignore").write_text("a*" * 40 + "b\nb.py\n")
    assert found(".") == ["a" * 200 + ".py"]
    assert time.process_time() - began < 1


def test_what_is_no_text_is_skipped_by_name(tree: Tree, tmp_path: Path) -> None:
    tree("d/a.txt", "outside.txt", "d/inner/b.txt")
    Path("d/pic.png").write_bytes(b"\x89PNG\0\0")
    with Path("d/weights.gguf").open("wb") as file:  # larger than all that is read
        file.truncate(1 << 40)
    os.mkfifo("d/pipe")
    Path("d/loop").symlink_to("../d")
    Path("d/gone").symlink_to("nowhere")
    Path("d/z-long").symlink_to("x" * 300)  # no file system has such a name: it cannot be asked about
    Path("d/out").symlink_to("../outside.txt")
    Path("d/same").symlink_to("inner/b.txt")
    read = read_text_files("d")
    assert [path for path, _ in read.files] == ["d/a.txt", "d/inner/b.txt", "d/same"]
    said = read.skipped_text("d")
    for part in (
        "d/pic.png (not text)",
        "d/weights.gguf (not text)",
        "d/pipe (not a regular file)",
        "d/loop (a link to a folder)",
    ):
        assert part in said
    assert "d/out (a link that leads elsewhere)" in said
    assert "d/gone" in said
    assert ("d/z-long", "cannot be read") in [(one.path, one.why) for one in read.skipped]


def test_a_name_with_pattern_characters_is_that_file(
    tree: Tree, mull: Run, thinker: Path, attached: Attached
) -> None:
    tree("[a].txt", "a.txt")
    assert not is_many("[a].txt")
    assert is_many("[b].txt")
    assert mull("-m", thinker, "-f", "[a].txt", "hi").returncode == 0
    assert attached() == ["[a].txt"]


@pytest.fixture
def attached(home: dict[str, str]) -> Callable[[], list[str]]:
    """The names of the files of the last conversation's last question."""

    def names() -> list[str]:
        with open_store(Path(home["MULL_STATE_DIR"]) / "sessions.db") as store:
            session = next(iter(store.sessions()))
            return [file.name for file in store.branch(session.id)[-1].files]

    return names


def test_a_question_gets_the_files_of_all_names_in_order(
    tree: Tree, mull: Run, thinker: Path, attached: Attached
) -> None:
    tree("src/b.py", "src/a.py", "notes.md")
    done = mull("-m", thinker, "-f", "src/", "-f", "-", "-f", "*.md", "hi", stdin=b"piped")
    assert (done.returncode, done.stdout) == (0, b"Forty-two.\n")
    assert attached() == ["src/a.py", "src/b.py", "standard input", "notes.md"]
    assert b"Attached 4 files: " in done.stderr
    assert b" tokens." in done.stderr
    assert b"Attached" not in mull("-q", "-m", thinker, "-f", "src/", "hi").stderr
    assert b"Attached" not in mull("-m", thinker, "-f", "src/a.py", "hi").stderr


def test_every_line_of_a_batch_gets_the_files(tree: Tree, mull: Run, thinker: Path) -> None:
    tree("src/b.py", "src/a.py", text="word " * 40)
    plain, filed = (
        json.loads(mull("batch", "-m", thinker, *flags, stdin=b'{"prompt": "hi"}\n').stdout)["usage"][
            "prompt"
        ]
        for flags in ([], ["-f", "src"])
    )
    assert filed > plain + 80


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("nothing*.py", 1, "No file matches nothing*.py"),
        ("empty", 1, "There is no text file in empty."),
        ("pictures", 1, "pictures/a.png (not text)"),
        ("https://example.org/x", 2, "mull fetches none"),
        ("HTTP://example.org/*.py", 2, "mull fetches none"),
        ("gone/", 1, "No such file"),
    ],
)
def test_what_attaches_nothing_is_an_error(
    tree: Tree, mull: Run, thinker: Path, name: str, code: int, said: str
) -> None:
    tree("empty/.hidden", "pictures/x")
    Path("pictures/x").unlink()
    Path("pictures/a.png").write_bytes(b"\0" * 9)
    done = mull("-m", thinker, "-f", name, "hi")
    assert (done.returncode, done.stdout) == (code, b"")
    assert said in done.stderr.decode()


@pytest.mark.parametrize(
    ("limit", "value", "said"),
    [("MOST_FILES", 3, "more than 3 text files"), ("MOST_ENTRIES", 4, "more than 4 files and folders")],
)
def test_a_folder_with_too_many_files_is_an_error(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, said: str
) -> None:
    tree(*(f"d/{i}/a" for i in range(5)))
    monkeypatch.setattr(text_files, limit, value)
    with pytest.raises(MullError, match=said):
        read_text_files("d")


def test_more_text_than_any_context_is_an_error(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree("d/a", "d/b", text="x" * 600)
    monkeypatch.setattr(text_files, "MOST", 1000)
    with pytest.raises(MullError, match="far more than fits"):
        read_text_files("d")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_an_unreadable_file_is_skipped_by_name(tree: Tree) -> None:
    tree("d/a", "d/b", "d/c/x")
    Path("d/b").chmod(0)
    Path("d/c").chmod(0)
    try:
        read = read_text_files("d")
    finally:
        Path("d/c").chmod(0o700)
    assert ([path for path, _ in read.files], len(read.skipped)) == (["d/a"], 2)

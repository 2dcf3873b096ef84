"""`mull tokens`: plain numbers, totals and JSON; from files, folders, stdin and servers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mull.engine.model import Model, load
from mull.settings import EngineSettings
from tests.conftest import Run


@pytest.fixture
def written(tmp_path: Path) -> dict[str, str]:
    """Two text files in a folder."""
    texts = {"d/a.txt": "Forty-two. Let me see.\n", "d/b.txt": "<think> [INST] ü \n\n" * 30}
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return texts


def counted(model: Model, text: str) -> int:
    return len(model.tokenize(text, special=False))


def test_the_numbers_are_those_of_the_whole_model(
    mull: Run, thinker: Path, written: dict[str, str], checked_state: Path
) -> None:
    with load(thinker, EngineSettings(), state_dir=checked_state, trusted=True) as model:
        expected = {name: counted(model, text) for name, text in written.items()}
    done = mull("tokens", "-m", thinker, "d", "d/a.txt")
    rows = [line.split(maxsplit=1) for line in done.stdout.decode().splitlines()]
    one, two = expected["d/a.txt"], expected["d/b.txt"]
    assert rows == [
        [str(one), "d/a.txt"],
        [str(two), "d/b.txt"],
        [str(one), "d/a.txt"],
        [str(one + two + one), "total"],
    ]
    assert mull("tokens", "-m", thinker, "d/a.txt").stdout.decode() == f"{one} d/a.txt\n"
    piped = written["d/a.txt"].encode()
    assert mull("tokens", "-m", thinker, stdin=piped).stdout.decode() == f"{one}\n"
    assert mull("tokens", "-m", thinker, "-", stdin=piped).stdout.decode() == f"{one} -\n"
    value = json.loads(mull("tokens", "-m", thinker, "--json", "d").stdout)
    assert (value["v"], value["model"], value["tokens"], value["error"]) == (1, "thinker", one + two, None)
    assert value["files"][1] == {"name": "d/b.txt", "tokens": two}


def test_skipped_files_are_listed_and_stdin_is_read_once(
    mull: Run, thinker: Path, written: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "d" / "noise.bin").write_bytes(b"\0\1")
    (tmp_path / "d" / "sub").mkdir()
    (tmp_path / "d" / "sub" / "link").symlink_to("/")
    value = json.loads(mull("tokens", "-m", thinker, "--json", "d").stdout)
    assert [one["name"] for one in value["files"]] == [*written]
    assert value["skipped"] == [
        {"name": "d/noise.bin", "reason": "not text"},
        {"name": "d/sub/link", "reason": "a link to a folder"},
    ]
    done = mull("tokens", "-m", thinker, "-", "d/a.txt", "-", stdin=b"x")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.splitlines()[0] == b"Error: Standard input is named twice, and can be read once."


def test_nothing_has_no_tokens(mull: Run, thinker: Path) -> None:
    assert mull("tokens", "-m", thinker, stdin=b"").stdout == b"0\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gone.txt"], "No such file: gone.txt"),
        (["-m", "qwen3-8b", "d/a.txt"], "mull pull qwen3-8b"),
        (["-m", "./d/a.txt", "d/a.txt"], "not a GGUF file"),
        (["noise"], "noise is not a text file"),
    ],
)
def test_what_cannot_be_counted_is_named(
    mull: Run, written: dict[str, str], tmp_path: Path, words: list[str], said: str
) -> None:
    (tmp_path / "noise").write_bytes(bytes(range(256)) * 4)
    done = mull("tokens", *words)
    assert (done.returncode, done.stdout) == (1, b"")
    assert said in done.stderr.decode()


@contextmanager
def server(status: int, answer: Any) -> Iterator[tuple[str, list[Any]]]:
    """A server that answers every POST like this; the bodies that it got."""
    bodies: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            bodies.append((self.path, json.loads(body)))
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}", bodies
        finally:
            listening.shutdown()


def test_a_server_counts_with_its_own_tokenizer(mull: Run) -> None:
    with server(200, {"tokens": [5, 6, 7]}) as (url, bodies):
        assert mull("tokens", "-m", f"m@{url}", stdin=b"abc").stdout == b"3\n"
    ((path, body),) = bodies
    assert (path, body["content"], body["model"]) == ("/tokenize", "abc", "m")


@pytest.mark.parametrize(
    ("status", "answer"), [(404, {"error": "no"}), (501, {}), (200, {"tokens": 3}), (200, [1]), (400, {})]
)
def test_a_server_that_cannot_count_says_so(mull: Run, status: int, answer: Any) -> None:
    with server(status, answer) as (url, _):
        done = mull("tokens", "-m", f"m@{url}", stdin=b"abc")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"does not count tokens" in done.stderr

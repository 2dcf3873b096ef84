"""What goes wrong in a build: one sentence, one hint, and the next run continues."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.llama_build.fake import ROOT, Place

pytestmark = pytest.mark.skipif(
    os.name != "posix", reason="the interpreter of these tests is a script with #!"
)
WHOLE = ["venv", "install", "download", "make_wheel.py", "install"]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "a folder with spaces")


def said(done: subprocess.CompletedProcess[str], code: int = 1) -> tuple[str, str]:
    """The sentence and the hint."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    return lines[-2], lines[-1]


def test_a_build_is_stored_and_used_again(place: Place) -> None:
    first = place.run()
    assert first.returncode == 0, first.stderr
    assert place.steps() == WHOLE
    assert place.run().returncode == 0
    assert place.steps() == WHOLE, "nothing to do"
    other = Place(place.folder / "other", {"XDG_CACHE_HOME": str(place.cache)})
    assert other.run().returncode == 0
    assert other.steps() == ["install"], "from the cache"
    assert not list(place.cache.glob("mull/builds/*/")), "nothing but the wheel and its log is left"
    assert len(list(place.cache.glob("mull/wheels/*/build.log"))) == 1


def test_no_compiler_and_a_broken_one(place: Place) -> None:
    sentence, hint = said(place.run(PATH=str(place.folder)))
    assert sentence == "No C++ compiler was found."
    assert hint.startswith("Install it: ")
    sentence, hint = said(place.run(CXX="g++-from-nowhere"))
    assert sentence == "There is no g++-from-nowhere, which CXX names as the C++ compiler."
    assert "CXX" in hint
    place.program("c++", "#!/bin/sh\necho 'you have not agreed to the licence' >&2\nexit 69\n")
    sentence, _ = said(place.run())
    assert sentence.endswith("does not work: you have not agreed to the licence")
    assert place.steps() == [], "before anything is fetched or compiled"


@pytest.mark.parametrize(
    ("fails", "sentence", "hint"),
    [
        (
            "install:WARNING: Retrying after 'Temporary failure in name resolution'|ERROR: No matching distribution",
            "Fetching CMake and ninja failed: the network or the package index does not answer.",
            "Check the network",
        ),
        (
            "install:ERROR: No matching distribution found for cmake==4.4.5",
            "Fetching CMake and ninja failed: ERROR: No matching distribution found for cmake==4.4.5",
            "The log is ",
        ),
        (
            "download:ReadTimeoutError: Read timed out.",
            "Fetching the sources of llama-cpp-python failed: the network or the package index does not answer.",
            "it continues where it stopped",
        ),
        (
            "download:ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
            "Fetching the sources of llama-cpp-python failed: a package differs from the one that is pinned.",
            "pip config list",
        ),
        (
            "make_wheel.py:[1/9] Building|fatal error: error writing to /tmp/cc1.s: No space left on device",
            "Compiling llama.cpp failed: the disk is full.",
            "Free 1 GB, then run it again: it continues where it stopped.",
        ),
        (
            "make_wheel.py:c++: fatal error: Killed signal terminated program cc1plus",
            "Compiling llama.cpp failed: memory ran out.",
            "CMAKE_BUILD_PARALLEL_LEVEL=1",
        ),
        (
            "make_wheel.py:[1/9] Building|a.cpp:3:1: error: 'x' was not declared|ninja: build stopped",
            "Compiling llama.cpp failed: a.cpp:3:1: error: 'x' was not declared",
            "The log is ",
        ),
    ],
    ids=["offline", "no-cmake", "network-lost", "wrong-hash", "disk-full", "memory", "compile-error"],
)
def test_a_failed_step(place: Place, fails: str, sentence: str, hint: str) -> None:
    done = place.run(FAILS=fails)
    assert said(done)[0] == sentence
    assert hint in said(done)[1]
    log = Path(said(done)[1].rpartition("The log is ")[2].removesuffix("."))
    assert fails.partition(":")[2].split("|")[-1] in log.read_text()
    assert place.run().returncode == 0
    assert not list(place.cache.glob("mull/builds/*/"))


def test_a_killed_build_continues(place: Place) -> None:
    assert place.run(FAILS="make_wheel.py:killed").returncode == -signal.SIGKILL
    half = list(place.cache.glob("mull/builds/*/half.o"))
    assert len(half) == 1
    assert place.run().returncode == 0
    assert place.steps() == ["venv", "install", "download", "make_wheel.py", "make_wheel.py", "install"]


def test_sigterm_and_ctrl_c_stop_the_compilers(place: Place) -> None:
    place.program(
        "c++", f'#!/bin/sh\nexec {os.environ.get("CXX") or "g++"} "$@"\n'
    )  # found by name, so that it is on the PATH
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        environment = {**place.environment, "FAILS": "make_wheel.py:waits", "GO": "/nowhere"}
        running = subprocess.Popen(place.command(), env=environment, stderr=subprocess.PIPE, text=True)
        while place.steps()[-1:] != ["make_wheel.py"]:
            assert running.poll() is None
        running.send_signal(number)
        _, text = running.communicate(timeout=20)  # the pipe closes when the compilers have ended too
        assert running.returncode == code, text
        assert "Traceback" not in text
        (place.folder / "steps").unlink()


def test_two_builds_at_once(place: Place) -> None:
    go = place.folder / "go"
    waiting = {"FAILS": "make_wheel.py:waits", "GO": str(go)}
    first = subprocess.Popen(
        place.command(), env={**place.environment, **waiting}, stderr=subprocess.PIPE, text=True
    )
    while "make_wheel.py" not in place.steps():
        assert first.poll() is None
    other = Place(place.folder / "other", {"XDG_CACHE_HOME": str(place.cache)})
    second = subprocess.Popen(other.command(), env=other.environment, stderr=subprocess.PIPE, text=True)
    assert second.stderr is not None
    assert second.stderr.readline() == f"Process {first.pid} is building this already; waiting for it.\n"
    go.touch()
    assert (first.wait(20), second.wait(20)) == (0, 0)
    assert other.steps() == ["install"]
    first.communicate()
    second.communicate()


def test_a_cache_that_cannot_be_written(place: Place) -> None:
    place.cache.write_text("a file where the folder should be")
    done = place.run()
    assert done.returncode == 0, done.stderr
    assert f"Nothing can be stored in {place.cache}/mull" in done.stderr
    assert place.steps() == WHOLE
    assert list((place.folder / "venv").glob("llama-build/wheels/*/*.whl"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"cpu": "another"}, "it was built for another CPU"),
        ({"key": "another"}, "it was built in another way"),
        ({"sha256": "0"}, "it is damaged"),
        (None, "it has no record of how it was built"),
    ],
    ids=["cpu", "key", "damaged", "no-record"],
)
def test_a_wheel_that_does_not_belong_there(place: Place, change: dict[str, str] | None, reason: str) -> None:
    assert place.run().returncode == 0
    record = next(place.cache.glob("mull/wheels/*/wheel.json"))
    if change is None:
        record.unlink()
    else:
        record.write_text(json.dumps({**json.loads(record.read_text()), **change}))
    other = Place(place.folder / "other", {"XDG_CACHE_HOME": str(place.cache)})
    done = other.run()
    assert done.returncode == 0
    assert f"is not used: {reason}. Building it again." in done.stderr
    assert other.steps() == WHOLE


def test_a_full_disk_is_noticed_before_the_build(place: Place) -> None:
    """The disk's size comes from the standard library, so it is replaced there."""
    start = (
        "import shutil, sys, runpy; shutil.disk_usage = lambda _: type('Usage', (), {'free': 20_000_000})();"
        "sys.argv[0] = 'llama_build'; runpy.run_module('llama_build', run_name='__main__', alter_sys=True)"
    )
    command = [sys.executable, "-c", start, *place.command()[3:]]
    done = subprocess.run(command, env=place.environment, capture_output=True, text=True, check=False)
    sentence, hint = said(done)
    assert sentence.startswith("The disk is too full to build: 20 MB are free")
    assert "XDG_CACHE_HOME" in hint
    assert place.steps() == []


def test_an_old_python_is_named_before_anything_is_made(tmp_path: Path) -> None:
    old = tmp_path / "old python"
    old.write_text(
        f"#!{sys.executable}\nimport sys\nsys.version_info = (3, 10)\nassert sys.argv[1] == '-c'\nexec(sys.argv[2])\n"
    )
    old.chmod(0o755)
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    done = subprocess.run(
        ["make", "setup", f"PYTHON='{old}'"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "mull needs Python 3.11 or newer: for instance make setup PYTHON=python3.12" in done.stderr
    assert not (tmp_path / ".venv").exists()

"""mull answers in unusual environments: no home, a read-only home, no locale, no user entry, a clock that jumps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import Run

NOWHERE = ("HOME", "MULL_CONFIG_DIR", "MULL_STATE_DIR", "HF_HOME")


def ask(
    environment: dict[str, str], *words: str, command: Sequence[str] = ("-m", "mull")
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command, *words],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def homeless(home: dict[str, str], temporary: Path) -> dict[str, str]:
    """The environment without any variable that names a folder for files, and with an empty temporary folder."""
    temporary.mkdir()
    temporary.chmod(0o777)
    return {**{k: v for k, v in home.items() if k not in NOWHERE}, "TMPDIR": str(temporary)}


def test_without_home(home: dict[str, str], tmp_path: Path) -> None:
    done = ask(homeless(home, tmp_path / "t"), "What is 3 + 4?")
    assert (done.returncode, done.stdout) == (0, "7\n")


def test_a_read_only_home(home: dict[str, str], tmp_path: Path) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("")
    environment = {**homeless(home, tmp_path / "t"), "HOME": str(blocked)}
    done = ask(environment, "What is 3 + 4?")
    assert (done.returncode, done.stdout) == (0, "7\n")
    assert "This conversation is not saved." in done.stderr
    assert "Traceback" not in done.stderr


UNKNOWN = """
import pwd
def no_entry(_):
    raise KeyError("getpwuid(): uid not found")
pwd.getpwuid = no_entry
from mull.app import main
main(["What is 3 + 4?"])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX")
def test_a_user_without_a_passwd_entry(home: dict[str, str], tmp_path: Path) -> None:
    done = ask(homeless(home, tmp_path / "t"), command=("-c", UNKNOWN))
    assert (done.returncode, done.stdout) == (0, "7\n")
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="POSIX")
def test_a_temporary_folder_created_by_another_user_is_not_used(home: dict[str, str], tmp_path: Path) -> None:
    environment = homeless(home, tmp_path / "t")
    trap = tmp_path / "trap"
    trap.mkdir()
    (tmp_path / "t" / f"mull-{os.getuid()}").symlink_to(trap)
    assert ask(environment, "What is 3 + 4?").stdout == "7\n"
    assert list(trap.iterdir()) == []


@pytest.mark.parametrize("locale", ["C", "POSIX", "xx_YY"])
def test_pipes_are_utf8_in_any_locale(mull: Run, locale: str, tmp_path: Path) -> None:
    (tmp_path / "ä.txt").write_text("grüße", encoding="utf-8")
    words = ("-m", "pebble", "--no-reason", "-f", "ä.txt", "--json", "ñ")
    done = mull(*words, env={"LC_ALL": locale, "LANG": locale, "TERM": ""})
    assert done.returncode == 0
    session = json.loads(done.stdout)["session"]
    shown = mull("sessions", "export", session, "--format", "json", env={"LC_ALL": locale}).stdout
    turn = json.loads(shown)["turns"][0]
    assert (turn["question"], turn["files"][0]["text"]) == ("ñ", "grüße")


JUMP = """
import time
real, calls = time.time, []
def jumping():
    calls.append(1)
    return real() - 3600 * (len(calls) > {calls})
time.time = jumping
from mull.app import main
main({words!r})
"""


@pytest.mark.parametrize("calls", [1, 2, 3, 5])
def test_a_clock_that_jumps_back_during_a_turn(home: dict[str, str], calls: int) -> None:
    words = ["ask", "--json", "--session", "jump", "What is 3 + 4?"]
    done = ask(home, command=("-c", JUMP.format(calls=calls, words=words)))
    result = json.loads(done.stdout)
    assert (done.returncode, result["answer"]) == (0, "7")
    assert min(result["timing"].values()) >= 0
    again = json.loads(ask(home, "-c", "--json", "and plus 5?").stdout)
    assert (again["answer"], again["session"]) == ("12", result["session"])

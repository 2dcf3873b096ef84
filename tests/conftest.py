"""What every room's tests share: a `mull` that runs in a home of its own, with the native library's check done once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # a shell's background job: its children would ignore Ctrl+C too
    signal.signal(signal.SIGINT, signal.default_int_handler)

COVERAGE = (
    "COVERAGE_PROCESS_CONFIG",
    "COVERAGE_PROCESS_START",
)  # `make coverage` measures child processes too
Run = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture(scope="session")
def checked_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder in which the library's verdict is known, so that tests need not pay for it again."""
    from mull.engine.native import library, selfcheck

    state = tmp_path_factory.mktemp("checked-state")
    library.prepare(state)
    selfcheck.check_library(state)
    return state


@pytest.fixture
def home(tmp_path: Path, checked_state: Path) -> dict[str, str]:
    """The environment of a user of his own: no config, no models, no terminal quirks of the machine."""
    base = tmp_path / "home"
    state = base / "state"
    state.mkdir(parents=True)
    config = base / "config" / "config.toml"
    config.parent.mkdir()
    config.write_text(
        "threads = 1\n"
    )  # the tests already use every core, and threads that wait for each other crawl
    for verdict in checked_state.glob("*.json"):
        shutil.copy(verdict, state)
    passed_on = (
        "PATH",
        "SYSTEMROOT",
        "LANG",
        "LC_ALL",
        "TMPDIR",
        "VIRTUAL_ENV",
        "LD_LIBRARY_PATH",
        *COVERAGE,
    )
    environment = {name: os.environ[name] for name in passed_on if name in os.environ}
    return {
        **environment,
        "HOME": str(base),
        "MULL_CONFIG_DIR": str(config.parent),
        "MULL_STATE_DIR": str(state),
        "HF_HOME": str(base / "hf"),
        "HF_HUB_OFFLINE": "1",
        "LC_ALL": os.environ.get("LC_ALL", "C.UTF-8"),
        "PYTHONPATH": str(Path(__file__).parents[1] / "cli"),
    }


@pytest.fixture
def mull(home: dict[str, str], tmp_path: Path) -> Run:
    """Run `mull ARGS…` with bytes on stdin (default: nothing) and captured streams."""

    def run(
        *arguments: str | Path,
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 60,
        **options: object,
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "mull", *map(str, arguments)],
            input=b"" if stdin is None else stdin,
            capture_output=True,
            env={**home, **(env or {})},
            cwd=tmp_path,
            timeout=timeout,
            check=False,
            **options,  # type: ignore[call-overload]
        )

    return run


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in the run's last lines what was left out, by reason, with the number of tests."""
    reasons = Counter(
        str(report.longrepr[2]).removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", ())
        if isinstance(report.longrepr, (tuple, list))
    )
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"Left out: {count} test{'' if count == 1 else 's'}: {reason}")

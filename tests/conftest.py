"""Fixtures of all tests: a `mull` that runs in a temporary home, with the library's self-check done."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import hypothesis
import pytest

from tests.modes import is_kept, stop_servers

# A test, and the making of its inputs, may be slow on a busy machine.
hypothesis.settings.register_profile(
    "mull", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("mull")

# A background job of a shell ignores SIGINT, nohup SIGHUP, and their children would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# `make coverage` measures child processes through these.
COVERAGE = ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
os.environ["MULL_PACKAGES"] = "0"  # what make try has installed here is no part of a test
PASSED_ON = (
    "MULL_PACKAGES",
    "PATH",
    "SYSTEMROOT",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    *COVERAGE,
)
AS_CHECKED = (
    "as-checked"  # below the state folder: how it was before tests in this process checked model files
)
Run = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture(scope="session")
def checked_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder with the result of the library's self-check, so that it runs once and not in every test."""
    from mull.engine.native import library, selfcheck

    state = tmp_path_factory.mktemp("checked-state")
    library.prepare(state)
    selfcheck.check_library(state)
    shutil.copytree(state, state / AS_CHECKED)
    return state


@pytest.fixture
def home(request: pytest.FixtureRequest, tmp_path: Path, checked_state: Path) -> Iterator[dict[str, str]]:
    """The environment of a new user: no models, no sessions, nothing from the settings of this machine."""
    base = tmp_path / "home"
    state = base / "state"
    state.mkdir(parents=True)
    config = base / "config" / "config.toml"
    config.parent.mkdir()
    config.write_text("threads = 1\n")  # tests run in parallel, and oversubscribed threads are slow
    for verdict in (checked_state / AS_CHECKED).glob("*.json"):
        shutil.copy(verdict, state)
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    made = {
        **environment,
        "HOME": str(base),
        "MULL_CONFIG_DIR": str(config.parent),
        "MULL_STATE_DIR": str(state),
        "HF_HOME": str(base / "hf"),
        "HF_HUB_OFFLINE": "1",
        "LC_ALL": os.environ.get("LC_ALL", "C.UTF-8"),
        "PYTHONPATH": str(Path(__file__).parents[1] / "cli"),
    }
    if not is_kept(request):
        yield made
        return
    made["MULL_KEEP_ALIVE"] = "60"
    yield made
    stop_servers(made)


@pytest.fixture
def mull(home: dict[str, str], tmp_path: Path) -> Run:
    """Run `mull ARGS…` with bytes on stdin (none by default) and captured streams."""

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


def pytest_configure(config: pytest.Config) -> None:
    """Measured, a process has databases of the measurement's; Python 3.13 warns of those that it leaves open."""
    if any(name in os.environ for name in COVERAGE):
        for warning in ("unclosed database:ResourceWarning", "Exception ignored in. <sqlite3"):
            config.addinivalue_line("filterwarnings", f"ignore:{warning}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in the run's last lines what was left out, by reason, with the number of tests."""
    reasons = Counter(
        str(report.longrepr[2]).removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", ())
        if isinstance(report.longrepr, (tuple, list))
    )
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"Left out: {count} test{'' if count == 1 else 's'}: {reason}")

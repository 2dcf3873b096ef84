"""The check before a download: a model that does not fit this machine is not downloaded, except with --force."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mull.models.catalogue.catalogue import load_catalogue
from mull.models.catalogue.recommend import DoesNotFit
from mull.models.hub.fit_gate import FitGate
from mull.models.memory.machine import GIB, Machine
from tests.models.conftest import Puller, environment
from tests.models.hub_server import Hub, gguf
from tests.models.test_remote_header import write_model

REPO = "owner/tiny-GGUF"
LARGE, TINY = Machine(64 * GIB, 60 * GIB), Machine(GIB, GIB // 8)
OWN = f"""
[[model]]
name = "tiny"
made_by = "nobody"
licence = {{ spdx = "MIT", permissive = true }}
reasoning = {{ kind = "none" }}
parameters = {{ total = 8 }}
repo = "{REPO}"
default = "Q8_0"
files = [
  {{ quant = "Q4_K_M", name = "tiny-Q4_K_M.gguf", gb = 4.9 }},
  {{ quant = "Q8_0", name = "tiny-Q8_0.gguf", gb = 8.6 }},
]
"""


def gate(machine: Machine, user: Path) -> FitGate:
    return FitGate(lambda: machine, load_catalogue(user / "config"))


def test_a_model_that_does_not_fit_is_refused_before_the_download(
    hub: Hub, fetch: Puller, user: Path
) -> None:
    path = write_model(user / "tiny-Q4_K_M.gguf", 50, hole=30 << 20)
    hub.add(REPO, {path.name: path})
    with pytest.raises(DoesNotFit) as caught:
        fetch(REPO, make_gate=lambda: gate(TINY, user))
    assert "--force" in caught.value.hint
    assert list((user / "hf").rglob("*")) == []
    assert hub.sent <= 16 << 20
    assert fetch(REPO).verified  # what --force does


@pytest.mark.parametrize("name", ["gpt-oss-120b", "kimi-k2.6"])
def test_a_model_far_larger_than_memory_is_refused_without_a_request(
    hub: Hub, fetch: Puller, user: Path, name: str
) -> None:
    with pytest.raises(DoesNotFit) as caught:
        fetch(name, make_gate=lambda: gate(Machine(32 * GIB, 28 * GIB), user))
    assert caught.value.instead
    assert hub.requests == []


def test_the_header_of_a_model_that_certainly_fits_is_not_read(hub: Hub, fetch: Puller, user: Path) -> None:
    hub.add(REPO, {"tiny-Q4_K_M.gguf": gguf(100_000)})
    assert fetch(REPO, make_gate=lambda: gate(LARGE, user)).verified
    assert hub.downloads() == [""]


def test_a_notice_reports_how_a_model_fits_unless_it_certainly_does(
    hub: Hub, fetch: Puller, user: Path
) -> None:
    path = write_model(user / "tiny-Q4_K_M.gguf", 50, hole=3 << 20)
    hub.add(REPO, {path.name: path})
    assert fetch(REPO, make_gate=lambda: gate(Machine(4 * GIB, GIB), user)).verified
    assert "fits in memory: needs 0.5 GiB of 1.0 GiB free memory" in fetch.notices["fit"]


def test_a_smaller_quantization_replaces_a_default_that_does_not_fit(
    hub: Hub, fetch: Puller, user: Path
) -> None:
    (user / "config").mkdir()
    (user / "config" / "models.toml").write_text(OWN)
    hub.add(REPO, {"tiny-Q4_K_M.gguf": gguf(50_000), "tiny-Q8_0.gguf": gguf(90_000)})
    middle = Machine(16 * GIB, 8 * GIB)
    pulled = fetch("tiny", make_gate=lambda: gate(middle, user))
    assert pulled.model == "tiny:Q4_K_M"
    assert pulled.path.name == "tiny-Q4_K_M.gguf"
    assert "Q8_0 does not fit" in fetch.notices["smaller"]
    assert fetch("tiny", make_gate=lambda: gate(middle, user)).already
    assert fetch("tiny", make_gate=lambda: gate(LARGE, user)).path.name == "tiny-Q8_0.gguf"


def test_an_explicit_quantization_is_not_replaced(hub: Hub, fetch: Puller, user: Path) -> None:
    (user / "config").mkdir()
    (user / "config" / "models.toml").write_text(OWN)
    hub.add(REPO, {"tiny-Q4_K_M.gguf": gguf(50_000), "tiny-Q8_0.gguf": gguf(90_000)})
    pulled = fetch("tiny:Q8_0", make_gate=lambda: gate(Machine(16 * GIB, 8 * GIB), user))
    assert pulled.path.name == "tiny-Q8_0.gguf"


def test_an_installed_model_is_not_checked(hub: Hub, fetch: Puller, user: Path) -> None:
    def never() -> FitGate:
        raise AssertionError("the machine was measured for nothing")

    hub.add(REPO, {"tiny-Q4_K_M.gguf": gguf(50_000)})
    fetch(REPO)
    assert fetch(REPO, make_gate=never).already


def test_transient_failures_are_retried_for_the_header(hub: Hub, fetch: Puller, user: Path) -> None:
    path = write_model(user / "tiny-Q4_K_M.gguf", 50, hole=3 << 20)
    hub.add(REPO, {path.name: path})
    hub.fault(where="/resolve/", status=503)
    middle = Machine(GIB, 12 << 20)
    with pytest.raises(DoesNotFit):
        fetch(REPO, make_gate=lambda: gate(middle, user))
    assert "retry" in fetch.notices or hub.faults[0].times == 0


def test_the_command_checks_the_fit(hub: Hub, user: Path) -> None:
    """`mull pull` of a model that fits no machine fails before the first byte; --force overrides."""
    (user / "config").mkdir(exist_ok=True)
    (user / "config" / "models.toml").write_text(OWN)
    path = user / "tiny-Q8_0.gguf"
    path.write_bytes(gguf(50_000))
    with path.open("r+b") as file:
        file.truncate(64 << 20)  # more than is read for a header
    hub.know(path, "0" * 64, 9 << 40)
    hub.add(REPO, {path.name: path})
    command = [sys.executable, "-m", "mull", "pull", "tiny", "--json"]
    done = subprocess.run(command, env=environment(user, hub), capture_output=True, check=False, timeout=60)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "does_not_fit"
    assert [wanted for wanted in hub.downloads() if wanted == ""] == []

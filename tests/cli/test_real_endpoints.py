"""The commands around endpoints with real servers: `mull serve`, llama-server, `python -m llama_cpp.server`."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.backends import servers
from tests.conftest import Run

SERVERS: dict[str, Callable[[], str]] = {
    "mull": servers.mull_url,
    "llama-server": servers.llama_server_url,
    "llama_cpp.server": servers.llama_cpp_server_url,
}


@pytest.mark.parametrize(
    "kind", ["mull", "llama-server", pytest.param("llama_cpp.server", marks=pytest.mark.slow)]
)
def test_add_look_ask_and_continue(mull: Run, kind: str) -> None:
    url = SERVERS[kind]()
    added = mull("endpoints", "add", "office", url)
    assert f"office is {kind} with 1 model: thinker." in added.stderr.decode()
    (row,) = mull("endpoints").stdout.decode().splitlines()
    assert row.split("\t")[:4] == ["office", "yes", kind, "thinker"]

    done = json.loads(mull("-m", "@office", "--json", "What is it?").stdout)
    assert (done["answer"], done["thinking"].strip()) == ("Forty-two.", "Let me see.")
    assert done["error"] is None
    # mull knows its context once the model is loaded
    shown = json.loads(mull("show", "@office", "--json").stdout)
    assert shown["model"] == "thinker"
    assert shown["context"] == (None if kind == "llama_cpp.server" else servers.CONTEXT)
    again = mull("-c", "And now?")
    assert (again.returncode, again.stdout) == (0, b"Forty-two.\n")

    plain = json.loads(mull("-m", "thinker@office", "--no-reason", "--json", "What is it?").stdout)
    if kind == "llama_cpp.server":  # it has no switch, and that is said
        assert (plain["reasoning"]["applied"], plain["answer"]) == ("default", "Forty-two.")
        assert "no way to switch thinking off" in plain["reasoning"]["notice"]
    else:
        assert (plain["reasoning"]["applied"], plain["answer"]) == ("off", "Just 42!")

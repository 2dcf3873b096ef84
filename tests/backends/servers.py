"""Real servers for the contract of `ChatBackend`: each runs once for all tests, with a model that plays its script.

llama-server is there after `make bench-peers`. Servers end with the test process.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import pytest

from mull.backends.base import ChatBackend
from mull.backends.openai.backend import OpenAIBackend
from mull.endpoints.http import Client
from tests.bench import peers
from tests.model_files.scripted import write_scripted
from tests.waiting import wait_for

CONTEXT = 512
TEMPLATE = """\
{%- for m in messages %}
  {%- if m.role == 'assistant' %}
    {{- '<|im_start|>assistant\n' }}
    {%- if m.reasoning_content is string and loop.last %}
      {{- '<think>\n' + m.reasoning_content.strip('\n') + '\n</think>\n\n' }}
    {%- endif %}
    {{- m.content + '<|im_end|>\n' }}
  {%- else %}
    {{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}
  {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
  {{- '<|im_start|>assistant\n' }}
  {%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}
{%- endif %}"""
"""A template with a switch that llama-server recognizes: without history's thinking it would not."""


@lru_cache(maxsize=1)
def model() -> Path:
    """The model that plays the contract's script."""
    folder = tempfile.TemporaryDirectory(prefix="mull-servers-")
    atexit.register(folder.cleanup)
    return write_scripted(
        Path(folder.name) / "thinker.gguf",
        ["<think>", "\nLet me", " see.\n", "</think>", "\n\nForty", "-two", "."],
        starts={"\n\n": ["Just", " 42!"]},
        template=TEMPLATE,
        user_defined=["<think>", "</think>"],
        n_ctx=CONTEXT,
        name="thinker",
    )


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def started(command: Sequence[str | Path], port: int, environment: dict[str, str] | None = None) -> str:
    """The address of a server that this command runs, once it lists its models."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([*map(str, command)], stdout=quiet, stderr=quiet, env=environment)

    def end() -> None:
        process.kill()
        process.wait()

    atexit.register(end)
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, "the server ended"
        with suppress(OSError), urllib.request.urlopen(f"{url}/v1/models", timeout=5) as response:
            return bool(json.load(response)["data"])
        return False

    wait_for(answers, f"{command[0]} to listen")
    return url


@lru_cache(maxsize=1)
def llama_server_url() -> str:
    """llama-server over the model; skips the test where it is not built."""
    if (tool := peers.tool("llama-server")) is None:
        pytest.skip("llama-server is not built: make bench-peers")
    port = _free_port()
    options = f"--port {port} --alias thinker -t 1 -np 3 -c {3 * CONTEXT} --log-disable".split()
    return started([tool, "-m", model(), *options], port)


@lru_cache(maxsize=1)
def llama_cpp_server_url() -> str:
    """`python -m llama_cpp.server` over the model."""
    pytest.importorskip("fastapi")
    port = _free_port()
    options = f"--port {port} --model_alias thinker --n_threads 1 --n_ctx {CONTEXT}".split()
    return started([sys.executable, "-m", "llama_cpp.server", "--model", model(), *options], port)


@lru_cache(maxsize=1)
def mull_url() -> str:
    """`mull serve` over the model, in the home of a new user."""
    port = _free_port()
    home = Path(tempfile.mkdtemp(dir=model().parent))
    environment = {
        **os.environ,
        "HOME": str(home),
        "MULL_CONFIG_DIR": str(home),
        "HF_HOME": str(home),
        "HF_HUB_OFFLINE": "1",
    }
    options = f"--port {port} --parallel 3 --threads 1 --ctx {CONTEXT}".split()
    return started([sys.executable, "-m", "mull", "serve", "-m", model(), *options], port, environment)


def backend(url: str) -> ChatBackend:
    return OpenAIBackend(Client(url, name="office"), width=3)


MAKERS: dict[str, Callable[[Path], ChatBackend]] = {
    "llama-server": lambda _folder: backend(llama_server_url()),
    "mull-serve": lambda _folder: backend(mull_url()),
}

"""Real servers for the contract of `ChatBackend`: each runs once for all tests, with a model that plays its script.

llama-server is there after `make bench-peers`. Servers end with the test process.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
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

CONTEXT = 512  # tokens, of the contract's model
TALK = 600  # tokens of thinking, and as many of answer
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
def folder() -> Path:
    """A folder for models and homes, as long as the test process lives."""
    made = tempfile.TemporaryDirectory(prefix="mull-servers-", ignore_cleanup_errors=True)
    atexit.register(made.cleanup)
    return Path(made.name)


@lru_cache(maxsize=2)
def model(name: str = "thinker") -> Path:
    """The model that plays the contract's script; or the `talker`, which thinks and answers for long."""
    talks = name == "talker"
    thoughts = [f" thought{number}" for number in range(TALK)] if talks else ["\nLet me", " see.\n"]
    words = [f" word{number}" for number in range(TALK)] if talks else ["Just", " 42!"]
    answer = words if talks else ["\n\nForty", "-two", "."]
    return write_scripted(
        folder() / f"{name}.gguf",
        ["<think>", *thoughts, "</think>", *answer],
        starts={"\n\n": words},
        template=TEMPLATE,
        user_defined=["<think>", "</think>"],
        n_ctx=4 * TALK if talks else CONTEXT,
        name=name,
    )


def _free_port() -> int:
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


@lru_cache(maxsize=2)
def llama_server_url(name: str = "thinker") -> str:
    """llama-server over a model; skips the test where it is not built."""
    if (tool := peers.tool("llama-server")) is None:
        pytest.skip("llama-server is not built: make bench-peers")
    port = _free_port()
    slots, size = (2, 4 * TALK) if name == "talker" else (3, CONTEXT)
    options = f"--port {port} --alias {name} -t 1 -np {slots} -c {slots * size} --log-disable".split()
    return started([tool, "-m", model(name), *options], port)


@lru_cache(maxsize=1)
def llama_cpp_server_url() -> str:
    """`python -m llama_cpp.server` over the contract's model."""
    pytest.importorskip("fastapi")
    port = _free_port()
    options = f"--port {port} --model_alias thinker --n_threads 1 --n_ctx {CONTEXT}".split()
    return started([sys.executable, "-m", "llama_cpp.server", "--model", model(), *options], port)


@lru_cache(maxsize=2)
def mull_url(name: str = "thinker") -> str:
    """`mull serve` over a model, in the home of a new user."""
    port = _free_port()
    home = str(tempfile.mkdtemp(dir=folder()))
    own = {"HOME": home, "MULL_CONFIG_DIR": home, "HF_HOME": home, "HF_HUB_OFFLINE": "1"}
    size = 4 * TALK if name == "talker" else CONTEXT
    options = f"--port {port} --parallel 3 --threads 1 --ctx {size}".split()
    return started(
        [sys.executable, "-m", "mull", "serve", "-m", model(name), *options], port, {**os.environ, **own}
    )


def backend(url: str) -> OpenAIBackend:
    return OpenAIBackend(Client(url, name="office"), width=3)


MAKERS: dict[str, Callable[[Path], ChatBackend]] = {
    "llama-server": lambda _folder: backend(llama_server_url()),
    "mull-serve": lambda _folder: backend(mull_url()),
}

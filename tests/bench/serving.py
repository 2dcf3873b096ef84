"""`mull serve` against llama-server on the same file: many clients that ask at once, one after the other's answer.

`python -m tests.bench.serving [FILE]` alternates between the two servers, each with one slot for each client. Prompts
and answers differ in length, and no prompt is asked twice. It prints the ratios of tokens per second, of the servers'
processor time per token, and of the 95th percentile of the time to the first token. Without a file: the random model.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from mull.engine.threads import default_threads
from tests.bench import peers
from tests.bench.measure import line
from tests.bench.servers import server
from tests.model_files.random_model import QWEN3_0_6B, cached

WORDS = (
    "river",
    "stone",
    "light",
    "paper",
    "window",
    "garden",
    "yellow",
    "quiet",
    "engine",
    "copper",
    "market",
)
SHORTEST, LONGEST = (
    8,
    250,
)  # words of a prompt: about as many tokens, or up to 7 times as many in the random model
FEWEST, MOST = 8, 64  # tokens of an answer
CONTEXT = 2048  # tokens for each client
PATIENCE = 1800.0  # seconds for the answers of one server to all requests


@dataclass(frozen=True, slots=True)
class Load:
    """What the clients saw. Seconds; `processor`: of the server's process."""

    tokens: int
    seconds: float
    processor: float
    first: list[float]

    @property
    def rate(self) -> float:
        """Tokens per second."""
        return self.tokens / self.seconds

    @property
    def late(self) -> float:
        """The 95th percentile of the time to the first token."""
        return sorted(self.first)[int(0.95 * len(self.first))]


async def ask(port: int, chance: random.Random, longest: int) -> tuple[int, float]:
    """One streamed request: the tokens of the answer, and the seconds to its first text."""
    words = " ".join(chance.choices(WORDS, k=chance.randint(SHORTEST, longest)))
    body = json.dumps(
        {
            "messages": [{"role": "user", "content": f"Tell a long story with these words: {words}"}],
            "max_tokens": chance.randint(FEWEST, MOST),
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    )
    begun, first, tokens = time.perf_counter(), 0.0, 0
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode() + f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    row = b""
    async for row in reader:
        if not first and b'"content":"' in row:
            first = time.perf_counter() - begun
        if b'"completion_tokens":' in row and row.startswith(b"data: "):
            tokens = int(json.loads(row[6:])["usage"]["completion_tokens"])
    writer.close()
    if not tokens:
        raise RuntimeError(f"a request was not answered: {row.decode(errors='replace')[:500]}")
    return tokens, first


async def load(
    port: int, process: psutil.Process, clients: int, requests: int, seed: int, longest: int = LONGEST
) -> Load:
    """What the clients see of a server; `longest`: the most words of a prompt."""

    async def client(number: int) -> list[tuple[int, float]]:
        chance = random.Random(f"{seed} {number}")
        return [await ask(port, chance, longest) for _ in range(requests)]

    before, begun = sum(process.cpu_times()[:2]), time.perf_counter()
    async with asyncio.timeout(PATIENCE):
        answers = [one for every in await asyncio.gather(*map(client, range(clients))) for one in every]
    seconds = time.perf_counter() - begun
    spent = sum(process.cpu_times()[:2]) - before
    return Load(sum(tokens for tokens, _ in answers), seconds, spent, [first for _, first in answers])


def mull_serve(path: str, clients: int) -> tuple[str, ...]:
    """The command of mull's server, without a port."""
    threads = str(default_threads())
    return (
        sys.executable,
        "-m",
        "mull",
        "serve",
        "-m",
        path,
        "--parallel",
        str(clients),
        "--threads",
        threads,
    )


def llama_server(path: str, clients: int) -> tuple[str, ...]:
    """The command of llama.cpp's server, without a port."""
    size, threads = str(CONTEXT * clients), str(default_threads())
    return (str(peers.tool("llama-server")), "-m", path, "-np", str(clients), "-c", size, "-t", threads)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.serving", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--requests", type=int, default=20, help="of each client")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    asked = parser.parse_args()
    if peers.tool("llama-server") is None:
        print("llama.cpp's own tools are not built: make bench-peers")
        return
    path = str(asked.file or cached(QWEN3_0_6B))
    requests = 4 if asked.quick else asked.requests
    for clients in asked.clients:
        with server(*mull_serve(path, clients)) as a, server(*llama_server(path, clients)) as b:
            pairs = [
                [asyncio.run(load(*one, clients, requests, seed)) for one in (a, b)]
                for seed in range(1 if asked.quick else asked.pairs)
            ]
        report(clients, pairs)


def report(clients: int, pairs: list[list[Load]]) -> None:
    def ratio(value: str, of: list[list[float]], target: str) -> None:
        ratios = sorted(a / b for a, b in of)
        values = " ".join(f"{one:.3f}" for one in ratios)
        line(f"{clients} clients, {value}", f"{statistics.median(ratios):.3f} ({values})", target)

    speed = [[one.rate for one in pair] for pair in pairs]
    ratio("tokens per second, mull / llama-server", speed, ">= 1.0" if clients > 1 else ">= 0.97")
    spent = [[one.tokens / one.processor for one in pair] for pair in pairs]
    ratio("tokens per processor second, mull / llama-server", spent, "-")
    late = [[one.late for one in pair] for pair in pairs]
    ratio("time to first token, 95th percentile", late, "<= 1.0")
    a, b = (statistics.median(pair[side] for pair in speed) for side in (0, 1))
    line("  tokens per second", f"{a:.1f} and {b:.1f}", "-")


if __name__ == "__main__":
    main()

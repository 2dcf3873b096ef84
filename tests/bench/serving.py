"""`mull serve` against llama-server on the same file: many clients that ask at once, one after the other's answer.

`python -m tests.bench.serving [FILE]` alternates between the two servers, each with one slot for each client. Prompts
and answers differ in length, and no prompt is asked twice. It prints the ratios of tokens per second, of the servers'
processor time per token, and of the 95th percentile of the time to the first token. `--depths` compares instead what
one client gets after its first token, in conversations at two depths. Without a file: the random model.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import itertools
import json
import random
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from mull.engine.threads import default_threads
from tests.bench import peers
from tests.bench.measure import alternating, line
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
LONG_CONTEXT = 4096  # tokens for one client, at any depth that is measured
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


@dataclass(frozen=True, slots=True)
class Answer:
    """`tokens` of an answer; seconds to its `first` text and to its `last`."""

    tokens: int
    first: float
    last: float

    @property
    def rate(self) -> float:
        """Tokens per second after the first one."""
        return (self.tokens - 1) / (self.last - self.first)


def some_words(chance: random.Random, longest: int) -> str:
    """A prompt of mixed length."""
    words = " ".join(chance.choices(WORDS, k=chance.randint(SHORTEST, longest)))
    return f"Tell a long story with these words: {words}"


async def ask(port: int, prompt: str, most: int) -> Answer:
    """One streamed request for at most `most` tokens. Raises RuntimeError where it is not answered."""
    body = json.dumps(
        {
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": most,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    )
    begun, first, last, tokens = time.perf_counter(), 0.0, 0.0, 0
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode() + f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    row = b""
    async for row in reader:
        if b'"content":"' in row:
            last = time.perf_counter() - begun
            first = first or last
        if b'"completion_tokens":' in row and row.startswith(b"data: "):
            tokens = int(json.loads(row[6:])["usage"]["completion_tokens"])
    writer.close()
    if not tokens:
        raise RuntimeError(f"a request was not answered: {row.decode(errors='replace')[:500]}")
    return Answer(tokens, first, last)


async def load(
    port: int, process: psutil.Process, clients: int, requests: int, seed: int, longest: int = LONGEST
) -> Load:
    """What the clients see of a server; `longest`: the most words of a prompt."""

    async def client(number: int) -> list[Answer]:
        chance = random.Random(f"{seed} {number}")
        return [
            await ask(port, some_words(chance, longest), chance.randint(FEWEST, MOST))
            for _ in range(requests)
        ]

    before, begun = sum(process.cpu_times()[:2]), time.perf_counter()
    async with asyncio.timeout(PATIENCE):
        answers = [one for every in await asyncio.gather(*map(client, range(clients))) for one in every]
    seconds = time.perf_counter() - begun
    spent = sum(process.cpu_times()[:2]) - before
    return Load(sum(one.tokens for one in answers), seconds, spent, [one.first for one in answers])


def alone(place: tuple[int, psutil.Process], depth: int, seed: int) -> Answer:
    """What one client gets in a conversation of about `depth` tokens, of which all but the last few are cached."""
    long = " ".join(itertools.islice(itertools.cycle(WORDS), depth))  # a token each
    prompt = f"{long} Tell a long story about the number {seed}."
    return asyncio.run(ask(place[0], prompt, MOST))


def mull_serve(path: str, clients: int) -> tuple[str, ...]:
    """The command of mull's server, without a port. It drafts nothing, as the other does not either."""
    options = ("--parallel", str(clients), "--threads", str(default_threads()), "--no-draft")
    return (sys.executable, "-m", "mull", "serve", "-m", path, *options)


def llama_server(path: str, clients: int, context: int = CONTEXT) -> tuple[str, ...]:
    """The command of llama.cpp's server, without a port. `context`: tokens for each client."""
    size, threads = str(context * clients), str(default_threads())
    return (str(peers.tool("llama-server")), "-m", path, "-np", str(clients), "-c", size, "-t", threads)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.serving", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--requests", type=int, default=20, help="of each client")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--depths", type=int, nargs="+", metavar="TOKENS", help="one client, at these depths")
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    asked = parser.parse_args()
    if peers.tool("llama-server") is None:
        print("llama.cpp's own tools are not built: make bench-peers")
        return
    path = str(asked.file or cached(QWEN3_0_6B))
    requests = 4 if asked.quick else asked.requests
    if asked.depths:
        generation(path, asked.depths, asked.pairs)
        return
    for clients in asked.clients:
        with server(*mull_serve(path, clients)) as a, server(*llama_server(path, clients)) as b:
            pairs = [
                [asyncio.run(load(*one, clients, requests, seed)) for one in (a, b)]
                for seed in range(1 if asked.quick else asked.pairs)
            ]
        report(clients, pairs)


def generation(path: str, depths: Sequence[int], pairs: int) -> None:
    """Print the ratios for one client at these depths."""
    with server(*mull_serve(path, 1)) as mine, server(*llama_server(path, 1, LONG_CONTEXT)) as other:
        for depth in depths:
            sides = [
                functools.partial(rate_alone, place, depth, itertools.count()) for place in (mine, other)
            ]
            a, b = alternating(sides[0], sides[1], pairs)
            ratios = sorted(x / y for x, y in zip(a, b, strict=True))
            values = " ".join(f"{one:.3f}" for one in ratios)
            name = f"1 client at depth {depth:,}, mull / llama-server"
            line(name, f"{statistics.median(ratios):.3f} ({values})", ">= 0.97")
            line("  tokens per second", f"{statistics.median(a):.1f} and {statistics.median(b):.1f}", "-")


def rate_alone(place: tuple[int, psutil.Process], depth: int, seeds: Iterator[int]) -> float:
    """Tokens per second of generation at this depth; the first question at a depth only fills the cache."""
    if (seed := next(seeds)) == 0:
        alone(place, depth, seed)
        seed = next(seeds)
    return alone(place, depth, seed).rate


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

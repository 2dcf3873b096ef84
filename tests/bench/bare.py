"""The baseline: a minimal loop on the C API that generates text.

In: a model file, a context size, a prompt's length. Out: pieces of text, one `llama_decode` per token.
Run as a program it generates and ends, to be measured from outside: `python -m tests.bench.bare FILE N_CTX PROMPT N`.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from typing import Any

from mull.engine.native import library
from mull.engine.threads import default_threads


class BareLoop:
    """Greedy generation on one sequence. `model` is a llama_model pointer."""

    def __init__(self, llama: Any, model: int, *, n_ctx: int, threads: int) -> None:
        self._llama = llama
        params = llama.llama_context_default_params()
        params.n_ctx = n_ctx
        params.n_batch = params.n_ubatch = min(512, n_ctx)
        params.n_outputs_max = 1
        params.no_perf = True
        params.n_threads = params.n_threads_batch = threads
        self.context = llama.llama_init_from_model(model, params)
        self._vocabulary = llama.llama_model_get_vocab(model)
        chain = llama.llama_sampler_chain_default_params()
        chain.no_perf = True
        self._sampler = llama.llama_sampler_chain_init(chain)
        llama.llama_sampler_chain_add(self._sampler, llama.llama_sampler_init_greedy())
        self._batch = llama.llama_batch_init(512, 0, 1)
        self._buffer = ctypes.create_string_buffer(256)
        self._position = 0
        self._next = 0

    def prompt(self, tokens: list[int]) -> None:
        """Process a prompt of at most 512 tokens and sample the first token."""
        self._decode(tokens)

    def generate(self, count: int) -> int:
        """Generate so many tokens; the number of bytes of their text."""
        size = 0
        for _ in range(count):
            size += self._llama.llama_token_to_piece(self._vocabulary, self._next, self._buffer, 256, 0, True)
            self._decode([self._next])
        return size

    def close(self) -> None:
        self._llama.llama_batch_free(self._batch)
        self._llama.llama_sampler_free(self._sampler)
        self._llama.llama_free(self.context)

    def _decode(self, tokens: list[int]) -> None:
        batch = self._batch
        batch.n_tokens = len(tokens)
        for i, token in enumerate(tokens):
            batch.token[i] = token
            batch.pos[i] = self._position + i
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = 0
            batch.logits[i] = i == len(tokens) - 1
        if code := self._llama.llama_decode(self.context, batch):
            raise RuntimeError(f"llama_decode: {code}")
        self._position += len(tokens)
        self._next = self._llama.llama_sampler_sample(self._sampler, self.context, -1)


def main(path: str, n_ctx: str, prompt: str, tokens: str) -> None:
    """Load, generate, and be measured from outside."""
    llama = library.prepare(Path(path).parent)
    model = llama.llama_model_load_from_file(path.encode(), llama.llama_model_default_params())
    loop = BareLoop(llama, model, n_ctx=int(n_ctx), threads=default_threads())
    loop.prompt(list(range(int(prompt))))
    loop.generate(int(tokens))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The child process of `selfcheck.py`: computes with a model, and prints one JSON object if that did not crash.

In: `--model FILE [--no-extra-buffers]`.
Out: exit code 0 and a JSON object on stdout, or a crash, which the parent reports.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import math
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from mull.engine.native import library

_PROMPT = 96  # tokens: enough to run every kernel that depends on the batch size
_STEPS = 4  # tokens one by one: the kernels for single rows


def compute(llama: Any, path: str, *, extra_buffers: bool) -> dict[str, Any]:
    """Decode a prompt and a few single tokens on the CPU. `finite`: whether all logits were numbers."""
    params = llama.llama_model_default_params()
    params.use_extra_bufts = extra_buffers
    no_devices = (ctypes.c_void_p * 1)()  # only an end: the CPU is checked
    params.devices = ctypes.cast(no_devices, ctypes.c_void_p)
    model = llama.llama_model_load_from_file(os.fsencode(path), params)
    if not model:
        raise SystemExit(f"cannot load {path}: {library.last_log_error()}")
    settings = llama.llama_context_default_params()
    settings.n_ctx = 256
    settings.n_threads = settings.n_threads_batch = 2
    context = llama.llama_init_from_model(model, settings)
    n_vocab = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    batch = llama.llama_batch_init(_PROMPT, 0, 1)
    finite = True
    for position in (0, *range(_PROMPT, _PROMPT + _STEPS)):
        count = _PROMPT if position == 0 else 1
        batch.n_tokens = count
        for i in range(count):
            batch.token[i] = (position + i) * 7 % n_vocab
            batch.pos[i] = position + i
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = 0
            batch.logits[i] = i == count - 1
        if llama.llama_decode(context, batch):
            raise SystemExit("llama_decode failed")
        logits = ctypes.cast(llama.llama_get_logits_ith(context, -1), ctypes.POINTER(ctypes.c_float))
        finite = finite and all(map(math.isfinite, logits[:n_vocab]))
    return {"finite": finite}


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--no-extra-buffers", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        llama = library.prepare(Path(folder))
        answer = compute(llama, asked.model, extra_buffers=not asked.no_extra_buffers)
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()

"""The child process of `file_check.py`: uses a model file as a chat would, and prints a JSON object if nothing crashed.

In: options and the file's path. Out: exit code 0 and `{"loaded": true}`, or `{"loaded": false, "reason": "…"}` where
llama.cpp refuses the file, or `{"loaded": true, "damage": "…"}` where what it computes is of no use; a crash otherwise,
which the parent reports. An error that mull reports itself, for want of memory for instance, is no crash: the parent
meets it again.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from mull.engine import placement
from mull.engine.context import Context
from mull.engine.model import Model
from mull.engine.native import library, nextn
from mull.engine.sampling import logits
from mull.engine.sampling.chain import Chain
from mull.errors import MullError
from mull.settings import DEVICE_NONE, EngineSettings, Sampling

CONTEXT = 64  # tokens
BATCH = 8  # tokens of the prompt: some weights are read once for all of them
MOST_SPELLINGS = 1024  # special tokens that are tokenized; each text is searched for every special token
SPELLINGS_AT_ONCE = 64
PIECES = 4096  # ordinary tokens that are spelled out
SAMPLING = Sampling(temperature=0.8, top_k=40, top_p=0.95, min_p=0.05, repeat_penalty=1.1, seed=1)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--no-extra-buffers", action="store_true")
    parser.add_argument("--no-decode", action="store_true")
    parser.add_argument("--kv-type", default=None)
    parser.add_argument("--flash", choices=("on", "off"), default=None)
    parser.add_argument("file")
    asked = parser.parse_args()
    end_with_parent()
    with tempfile.TemporaryDirectory() as folder:
        answer = check(library.prepare(Path(folder)), asked)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def end_with_parent() -> None:
    """Have the system end this process when the parent ends (Linux only)."""
    if sys.platform == "linux":
        import signal

        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def check(llama: Any, asked: argparse.Namespace) -> dict[str, Any]:
    """Load the model, use its vocabulary, decode and sample with each kind of attention that may be used."""
    params = llama.llama_model_default_params()
    params.use_extra_bufts = not asked.no_extra_buffers
    params.load_mtp = nextn.available()
    on_cpu = placement.devices_for(EngineSettings(device=DEVICE_NONE))
    params.devices = ctypes.cast(on_cpu, ctypes.c_void_p)
    if asked.no_decode:
        params.no_alloc = True
        params.load_mode = llama.LLAMA_LOAD_MODE_NONE  # a memory-mapped file would be read
    handle = llama.llama_model_load_from_file(os.fsencode(asked.file), params)
    if not handle and params.load_mtp:
        params.load_mtp = False
        handle = llama.llama_model_load_from_file(os.fsencode(asked.file), params)
    if not handle:
        return {"loaded": False, "reason": library.last_log_error()}
    model = Model(handle, Path(asked.file), with_nextn=bool(params.load_mtp))
    with suppress(MullError):
        model.require_generation()
        try:
            tokens = use_vocabulary(model)
        except Damage as found:
            return {"loaded": True, "damage": str(found)}
        compute = not asked.no_decode
        flash = None if asked.flash is None else asked.flash == "on"
        settings = EngineSettings(
            threads=asked.threads, kv_type=asked.kv_type, device=DEVICE_NONE, flash_attention=flash
        )
        both = flash is None and asked.kv_type in {None, "f16"}
        first = settings if not both else replace(settings, flash_attention=True)
        damage = decode(model, first, tokens, steps=2 * compute)
        if both:  # only the attention differs: one short step
            damage = decode(model, replace(settings, flash_attention=False), tokens[:2], steps=1 * compute)
        if damage:
            return {"loaded": True, "damage": damage}
        if model.has_nextn:
            decode_nextn(model, first, tokens, compute=compute)
    return {"loaded": True}


class Damage(Exception):
    """What is wrong with the file, as a predicate."""


def use_vocabulary(model: Model) -> list[int]:
    """Tokenize all kinds of text and spell tokens; returns some tokens to decode. Raises Damage."""
    spellings = list(model.special_tokens)
    tokens: list[int] = []
    for text in texts(spellings):
        for special in (False, True):
            for bos in (False, True):
                tokens = model.tokenize(text, special=special, bos=bos) or tokens
                if wrong := [token for token in tokens if not 0 <= token < model.n_vocab]:
                    raise Damage(f"makes token {wrong[0]} of a text, which is none of its {model.n_vocab:,}")
                for token in tokens[:CONTEXT]:
                    model.piece(token)
    spelled = False
    for token in (*range(0, model.n_vocab, model.n_vocab // PIECES + 1), model.n_vocab - 1):
        spelled = bool(model.piece(token)) or spelled
        model.is_eog(token)
    if not spelled:
        raise Damage("has no token with a text")
    for end in (model.bos, model.eos):
        model.tokenize(end, special=True)
    return (model.tokenize("Hello, 世界 🙂!\n", special=False, bos=True) or tokens or [0])[:BATCH]


def texts(spellings: list[str]) -> Iterator[str]:
    """Texts that reach every path of a tokenizer: each byte of UTF-8, scripts, blanks, special tokens."""
    yield from (
        "",
        " ",
        "\n\n \t",
        "Hello, world! It's 3.14 o'clock.",
        "你好,世界。こんにちは",
        "🙂👩‍👩‍👧 é e\u0301 \u200b\ufeff",
    )
    ends = (
        *range(0x80),
        *range(0x80, 0xC0),
        *range(0xC0, 0x800, 64),
        *range(0x800, 0xD800, 0x1000),
        0xE000,
        0xF000,
    )
    yield "".join(map(chr, (*ends, 0x10000, 0x40000, 0x80000, 0xC0000, 0x100000, 0x10FFFF)))
    yield "a" * 300 + " " * 300
    for start in range(0, min(len(spellings), MOST_SPELLINGS), SPELLINGS_AT_ONCE):
        some = spellings[start : start + SPELLINGS_AT_ONCE]
        yield " ".join(some)
        yield "x".join(some)


def decode(model: Model, settings: EngineSettings, tokens: list[int], *, steps: int) -> str:
    """A batch, then single tokens that were sampled; `steps` in all. 0: only reserve the memory.

    Returns what is wrong with the logits of the last step, as a predicate; empty if they are usable.
    """
    damage = ""
    with suppress(MullError):
        context = Context(model, settings, CONTEXT, 1)
        with Chain(model, SAMPLING) as chain:
            chain.accept(tokens)
            context.batch.clear()
            row = context.batch.add(tokens, 0, 0, logits=1)
            for position in range(len(tokens), len(tokens) + steps):
                if context.decode(lambda: False):
                    break
                damage = logits.fault(context, row, model.n_vocab)
                token = chain.sample(context, row)
                model.piece(token)
                context.batch.clear()
                row = context.batch.add([token], position, 0, logits=1)
        context.close()
    return damage


def decode_nextn(model: Model, settings: EngineSettings, tokens: list[int], *, compute: bool) -> None:
    """Make the contexts of a model with a NextN layer and decode with both; drafts need no usable logits."""
    with suppress(MullError):
        context = Context(model, settings, CONTEXT, 1, nextn_states=True)
        head = Context(model, settings, CONTEXT, 1, head=True)
        context.batch.add(tokens, 0, 0, logits=1)
        if compute and context.decode(lambda: False) == 0:
            head.batch.add(tokens, 1, 0, logits=1)
            head.batch.attach(context.hidden_states(0, len(tokens)))
            head.decode(lambda: False)
        head.close()
        context.close()


if __name__ == "__main__":
    main()

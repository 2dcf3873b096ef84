"""Check the values of a GGUF header that llama.cpp does not check, and with which it aborts the process.

In: a `Header`. Raises ModelFileError (model_damaged) that names the first wrong key. Keys that are unknown here, and
values that llama.cpp checks or ignores (a padding token outside of the vocabulary, say), pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from mull.errors import ModelFileError
from mull.models.gguf.header import Header
from mull.models.gguf.reader import LongArray

_MOST: Final = 1 << 24  # the widest layers have some 50,000 values; the longest contexts 10 million tokens
_COUNTS: Final[Mapping[str, int]] = {
    "block_count": 4096,
    "context_length": (1 << 31) - 1,
    "embedding_length": _MOST,
    "feed_forward_length": _MOST,
    "attention.head_count": 65_536,
    "attention.head_count_kv": 65_536,
    "attention.key_length": _MOST,
    "attention.value_length": _MOST,
    "attention.sliding_window": (1 << 32) - 1,
    "rope.dimension_count": _MOST,
    "expert_count": 65_536,
    "expert_used_count": 65_536,
    "vocab_size": _MOST,
}
"""Counts of an architecture, and the most that is possible."""
_POSITIVE: Final = frozenset({"block_count", "context_length", "embedding_length"})
_FROM_ONE: Final = (
    "rope.freq_base",
)  # powers of it divide: 0 gives NaN, and a small one gives it after some tokens
_FROM_ZERO: Final = ("clamp_kqv",)  # 0 is off
_SCALES: Final = ("scale", "scaling.factor", "attn_factor", "softcapping")
"""What llama.cpp multiplies with or divides by, by how the keys end; 0 is off."""
_WITH_INFINITIES: Final = frozenset(
    {"activation_sparsity_scale"}
)  # of Gemma 3n: -inf in layers without sparsity
_NEVER_ZERO: Final = ("logit_scale",)  # some architectures divide by it, others make all logits 0
_SMALLEST, _LARGEST = 1e-4, 1e6  # of scales; those in use are between 0.007 (attention.scale) and 1,000
_TEXT_TYPES: Final = frozenset({1, 4, 6})  # normal, user-defined and byte tokens; others are not shown
_RECURRENT: Final = (
    "ssm.",
    "wkv.",
    "time_mix_extra_dim",
    "shortconv.",
)  # such models have layers without heads
_INT32, _FLOAT32, _STRING = 5, 6, 8
_DEFAULT_ENDS: Final[Mapping[str, tuple[int, int]]] = {
    "llama": (1, 2),
    "gpt2": (11, 11),
    "t5": (-1, 1),
    "plamo2": (1, 2),
}
"""BOS and EOS of a tokenizer whose header names none (llama-vocab.cpp); -1 is none."""
_BYTES: Final = frozenset(f"<0x{byte:02X}>" for byte in range(256))


def check_values(header: Header, where: str) -> None:
    """Check the header of a language model; `where` names the file in the message. Raises ModelFileError."""
    if problem := first_problem(header):
        raise ModelFileError(
            "model_damaged",
            f"{where} is damaged: {problem}.",
            "Get the file from another source, or convert it again.",
        )


def first_problem(header: Header) -> str:
    """What is wrong with the header of a language model ("its … is …"); empty if nothing is."""
    return next(_problems(header), "")


def _problems(header: Header) -> Iterator[str]:
    prefix = f"{header.architecture}."
    own = {
        key.removeprefix(prefix): value for key, value in header.metadata.items() if key.startswith(prefix)
    }
    for key, value in own.items():
        yield from (f"its {prefix}{key} is {problem}" for problem in _wrong_number(key, value))
    yield from (f"its {problem}" for problem in _wrong_heads(own, prefix))
    if header.has_tokenizer:
        yield from _wrong_tokenizer(header)


def _wrong_number(key: str, value: Any) -> Iterator[str]:
    numbers = value if isinstance(value, tuple) else (value,)
    if key in _WITH_INFINITIES:
        return
    if any(isinstance(number, float) and not math.isfinite(number) for number in numbers):
        yield "not a finite number"
    elif key.endswith("epsilon"):
        if not all(_is_number(number) and 0 <= number <= 1 for number in numbers):
            yield f"{_shown(value)}, not a number from 0 to 1"
    elif key in _COUNTS:
        least = int(key in _POSITIVE)
        if not all(type(number) is int and least <= number <= _COUNTS[key] for number in numbers):
            yield f"{_shown(value)}, not a whole number from {least} to {_COUNTS[key]:,}"
    elif key.startswith(_FROM_ONE) and not all(_is_number(number) and number >= 1 for number in numbers):
        yield f"{_shown(value)}, not a number of at least 1"
    elif key.endswith(_FROM_ZERO) and not all(_is_number(number) and number >= 0 for number in numbers):
        yield f"{_shown(value)}, not a number of at least 0"
    elif key.endswith(_SCALES):
        off = not key.endswith(_NEVER_ZERO)
        if not all(_is_number(number) and _is_scale(number, off=off) for number in numbers):
            yield f"{_shown(value)}, not {'0 or ' * off}a number from {_SMALLEST} to {_LARGEST:,.0f}"


def _is_scale(number: float, *, off: bool) -> bool:
    return _SMALLEST <= number <= _LARGEST or (off and number == 0)


def _wrong_heads(own: Mapping[str, Any], prefix: str) -> Iterator[str]:
    heads, groups = own.get("attention.head_count"), own.get("attention.head_count_kv")
    recurrent = any(key.startswith(_RECURRENT) for key in own)
    if type(heads) is int and not recurrent:
        if heads == 0:
            yield f"{prefix}attention.head_count is 0"
        elif type(groups) is int and (groups == 0 or heads % groups):
            yield f"{prefix}attention.head_count_kv is {groups:,}, which does not divide its head_count ({heads:,})"
    used, experts = own.get("expert_used_count"), own.get("expert_count")
    if type(used) is int and type(experts) is int and used > experts:
        yield f"{prefix}expert_used_count is {used:,}, above its expert_count ({experts:,})"
    if used == 0 and type(experts) is int and experts > 0:
        yield f"{prefix}expert_used_count is 0, of {experts:,} experts"


def _wrong_tokenizer(header: Header) -> Iterator[str]:
    tokens = header.metadata["tokenizer.ggml.tokens"]
    if not _is_array(tokens, {_STRING}, lambda element: isinstance(element, str)):
        yield "its tokenizer.ggml.tokens is not a list of texts"
        return
    for key, kinds in (("scores", {_FLOAT32, _INT32}), ("token_type", {_INT32})):
        found = header.metadata.get(f"tokenizer.ggml.{key}")
        if found is None:
            continue
        if not _is_array(found, kinds, _is_number):
            yield f"its tokenizer.ggml.{key} is not a list of numbers"
        elif (count := found.count if isinstance(found, LongArray) else len(found)) < header.n_vocab:
            yield f"its tokenizer.ggml.{key} has {count:,} values for {header.n_vocab:,} tokens"
    shown = header.metadata.get("tokenizer.ggml.token_type")
    if shown is not None and not _TEXT_TYPES.intersection(header.array("tokenizer.ggml.token_type")):
        yield "its tokenizer.ggml.token_type makes no token a text"
    yield from _wrong_ends(header)
    if header.metadata.get("tokenizer.ggml.model") == "llama":
        texts = {text for text in header.array("tokenizer.ggml.tokens") if len(text) in {1, 6}}
        # llama.cpp also takes a token that is the byte; one from 0x80 is no text.
        missing = [
            text for text in sorted(_BYTES - texts) if text > "<0x7F>" or _character(text) not in texts
        ]
        if missing:
            yield f"its tokenizer.ggml.tokens lacks {len(missing)} of the 256 byte tokens, {missing[0]} for one"


def _wrong_ends(header: Header) -> Iterator[str]:
    kind = str(header.metadata.get("tokenizer.ggml.model", ""))
    for place, name in enumerate(("bos", "eos")):
        key = f"tokenizer.ggml.{name}_token_id"
        token = header.metadata.get(key)
        if token is not None and (type(token) is not int or not 0 <= token < header.n_vocab):
            yield f"its {key} is {_shown(token)}, which is none of its {header.n_vocab:,} tokens"
        adds = header.metadata.get(f"tokenizer.ggml.add_{name}_token")
        if adds is not None and type(adds) is not bool:
            yield f"its tokenizer.ggml.add_{name}_token is {_shown(adds)}, not true or false"
        default = _DEFAULT_ENDS.get(kind, (-1, -1))[place]
        none = token is None and not 0 <= default < header.n_vocab
        if none and (adds or (adds is None and kind == "llama" and name == "bos")) and kind in _DEFAULT_ENDS:
            yield f"its tokenizer adds a {name.upper()} token, but there is no {key}"


def _character(byte: str) -> str:
    return chr(int(byte[1:-1], 16))


def _is_array(value: Any, kinds: Collection[int], right: Callable[[Any], bool]) -> bool:
    if isinstance(value, LongArray):
        return value.kind in kinds
    return isinstance(value, tuple) and all(map(right, value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    if isinstance(value, LongArray):
        return "a long list"
    return f'"{value[:40]}"' if isinstance(value, str) else str(value)[:40]

"""A vocabulary as llguidance's token trie, from which it computes what a grammar allows next.

In: a model. Out: its `LLTokenizer`, built once (CPU time: 0.2 s for 49,000 tokens, 0.3 s for 150,000). `start` builds
it in a thread while the prompt is being processed. It cannot be stored: the package offers no way to write one.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from itertools import repeat
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from mull.engine.model import Model
from mull.engine.native import library

if TYPE_CHECKING:
    from llguidance import LLTokenizer

_WIDTH = 24  # bytes of a piece that are read in the first pass; the few longer pieces are read again
_SPECIAL = b"\xff"  # llguidance: the token is no text


class _Vocabulary:
    """What llguidance takes for a tokenizer. One more token than the model has stands for "the text may end here"."""

    is_tokenizer_wrapper = True
    bos_token_id = None
    special_token_ids: Sequence[int] = ()

    def __init__(self, tokens: list[bytes]) -> None:
        self.eos_token_id = len(tokens)
        self.tokens = [*tokens, _SPECIAL + b"end"]

    def __call__(self, _text: object) -> list[int]:
        """Asked how to tokenize what a grammar leaves no choice about: the model decides that, too."""
        return []


_lock = threading.Lock()
_builds: WeakKeyDictionary[Model, threading.Thread] = WeakKeyDictionary()
_tries: WeakKeyDictionary[Model, LLTokenizer] = WeakKeyDictionary()


def start(model: Model) -> None:
    """Begin to build the model's trie in a thread. The model's `close` waits for it."""
    with _lock:
        if model not in _builds:
            thread = threading.Thread(target=_build, args=(model,), name="token-trie", daemon=True)
            _builds[model] = thread
            model.before_close(thread.join)
            thread.start()


def token_trie(model: Model) -> LLTokenizer:
    """The model's trie, built by the first call."""
    start(model)
    _builds[model].join()
    return _tries[model]


def _build(model: Model) -> None:
    from llguidance import LLTokenizer

    _tries[model] = LLTokenizer(_Vocabulary(texts(model)))  # type: ignore[arg-type]


def texts(model: Model) -> list[bytes]:
    """Every token's text; empty where it has none: end-of-generation tokens, and pieces with a NUL byte."""
    buffer, sizes = _spelled(model)
    found = []
    for token, size in enumerate(sizes):
        at = token * _WIDTH
        piece = buffer[at : at + size] if size >= 0 else model.piece(token)
        found.append(b"" if b"\0" in piece or piece.startswith(_SPECIAL) else piece)
    for token in {*model.special_tokens.values(), model.end_token}:
        if token >= 0 and model.is_eog(token):
            found[token] = b""
    return found


def _spelled(model: Model) -> tuple[bytes, list[int]]:
    """The first bytes of every token, `_WIDTH` for each, and the tokens' lengths; negative for longer ones.

    llama_token_to_piece writes each piece straight into its place: a pass in Python would take three times as long.
    """
    buffer = ctypes.create_string_buffer(model.n_vocab * _WIDTH)
    spell = ctypes.CFUNCTYPE(
        ctypes.c_int32,
        *(ctypes.c_void_p, ctypes.c_int32, ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32, ctypes.c_bool),
    )(ctypes.cast(library.bindings().llama_token_to_piece, ctypes.c_void_p).value or 0)
    first = ctypes.addressof(buffer)
    places = range(first, first + len(buffer), _WIDTH)
    every = range(model.n_vocab)
    sizes = list(map(spell, repeat(model.vocabulary), every, places, repeat(_WIDTH), repeat(0), repeat(True)))
    return buffer.raw, sizes

"""A vocabulary as llguidance's token trie, from which it computes what a grammar allows next.

In: a model. Out: its `LLTokenizer`, built once (CPU time: 0.07 s for 49,000 tokens, 0.1 s for 150,000). It cannot be
stored: the package offers no way to write one; the texts that it is made of are (`token_texts.py`). `prepare` reads
these in a thread while the model is being loaded, `start` builds it while the prompt is being processed.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from mull.engine.model import Model
from mull.engine.sampling import token_texts
from mull.fs.file_stamp import FileStamp
from mull.structured import bindings

if TYPE_CHECKING:
    from llguidance import LLTokenizer


class _Vocabulary:
    """What llguidance takes for a tokenizer. One more token than the model has stands for "the text may end here"."""

    is_tokenizer_wrapper = True
    bos_token_id = None
    special_token_ids: Sequence[int] = ()

    def __init__(self, tokens: list[bytes]) -> None:
        self.eos_token_id = len(tokens)
        self.tokens = [*tokens, token_texts.SPECIAL + b"end"]

    def __call__(self, _text: object) -> list[int]:
        """Asked how to tokenize what a grammar leaves no choice about: the model decides that, too."""
        return []


_lock = threading.Lock()
_builds: WeakKeyDictionary[Model, threading.Thread] = WeakKeyDictionary()
_tries: WeakKeyDictionary[Model, LLTokenizer] = WeakKeyDictionary()


_prepared: dict[tuple[FileStamp, ...], _Prepared] = {}  # for models that are being loaded, by their files


class _Prepared(threading.Thread):
    """Imports what the first constrained token needs, and reads the stored texts; `texts` is None where there are none.

    It does not build the trie: that would take the interpreter from the thread that loads the model.
    """

    def __init__(self, stamps: tuple[FileStamp, ...]) -> None:
        super().__init__(name="token-texts", daemon=True)
        self.texts: list[bytes] | None = None
        self._stamps = stamps

    def run(self) -> None:
        with suppress(Exception):  # whoever needs it tries again
            import mull.engine.sampling.candidates  # noqa: F401 - imports numpy

            bindings.llguidance()

            self.texts = token_texts.read(self._stamps)


def prepare(stamps: tuple[FileStamp, ...]) -> None:
    """Begin to prepare for the trie of a model that is being loaded, whose files have these stamps."""
    if stamps:
        _prepared[stamps] = _Prepared(stamps)
        _prepared[stamps].start()


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
    prepared = _prepared.pop(model.stamp, None)
    if prepared is not None:
        prepared.join()
    texts = prepared.texts if prepared is not None else token_texts.read(model.stamp)
    if texts is None:
        texts = token_texts.texts(model)
        token_texts.write(model.stamp, texts)
    # Without llguidance's slices (masks precomputed for texts without quotation marks), which take more than half of
    # the time: 0.07 s of a busy core at 49,000 tokens, 0.1 s at 150,000. They save 0.04 to 0.06 ms per token.
    _tries[model] = bindings.llguidance().LLTokenizer(_Vocabulary(texts), slices=[])

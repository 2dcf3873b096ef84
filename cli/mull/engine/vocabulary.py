"""A model's vocabulary without its weights: what counting tokens needs, loaded in a fraction of the time.

In: a path to a GGUF file. Out: a `Vocabulary` (a context manager). Raises ModelFileError for an unusable file,
EngineError for a text that cannot be tokenized. An untrusted file is first used in a child process, as when it is
loaded whole.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from mull.engine.file_check import check_file, refused
from mull.engine.file_header import check_header
from mull.engine.native import library, selfcheck
from mull.engine.tokenize import tokenize
from mull.errors import ModelFileError
from mull.settings import EngineSettings


class Vocabulary:
    """Tokenizes text; closing it frees its memory."""

    def __init__(self, path: Path, *, state_dir: Path, trusted: bool = False) -> None:
        check_header(path)
        verdict = selfcheck.check_library(state_dir)
        if not trusted:
            check_file(path, state_dir, EngineSettings(), use_extra_bufts=verdict.use_extra_bufts)
        self._llama = library.prepare(state_dir)
        params = self._llama.llama_model_default_params()
        params.vocab_only = True
        library.forget_log_errors()
        self._handle = self._llama.llama_model_load_from_file(os.fsencode(path), params)
        if not self._handle:
            raise refused(path, library.last_log_error(), on_gpu=False)
        self._vocabulary = self._llama.llama_model_get_vocab(self._handle)
        if self._llama.llama_vocab_type(self._vocabulary) == self._llama.LLAMA_VOCAB_TYPE_NONE:
            self.close()
            raise ModelFileError("model_no_tokenizer", f"{path} has no tokenizer, so it cannot count tokens.")

    def count(self, text: str) -> int:
        """The tokens of a text by itself: without a chat template, and without tokens that begin or end a prompt."""
        return len(tokenize(self._llama, self._vocabulary, text, special=False))

    def close(self) -> None:
        if self._handle:
            self._llama.llama_model_free(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

"""A loaded model: its weights, its vocabulary and its metadata.

In: a path to a GGUF file. Out: a `Model` (a context manager) that tokenizes text and spells tokens. Raises
ModelFileError, with llama.cpp's own reason, for an unusable file. An untrusted file is first used in a child process
(`file_check.py`), because a malformed one can abort the process. Loading blocks; to handle signals meanwhile,
load in a thread.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from mull.chat_template.special_texts import SpecialTexts, special_texts
from mull.engine import placement
from mull.engine.adapter import Adapter
from mull.engine.file_check import check_file, refused
from mull.engine.file_header import check_header
from mull.engine.generative import require_generation
from mull.engine.native import devices, library, nextn, quiet_stderr, selfcheck
from mull.engine.special_tokens import find_special_tokens
from mull.engine.tokenize import tokenize
from mull.errors import ExitCode, ModelFileError, MullError
from mull.fs import trace
from mull.fs.file_stamp import FileStamp, stamps
from mull.models.naming.filenames import part_paths
from mull.settings import DRAFT_ALL, EngineSettings

Progress = Callable[[float], bool]


class LoadStopped(MullError):
    """The caller's `on_progress` returned False."""

    def __init__(self) -> None:
        super().__init__("interrupted", "Stopped while loading.", exit_code=ExitCode.INTERRUPTED)


def load(
    path: Path,
    settings: EngineSettings,
    *,
    state_dir: Path,
    on_progress: Progress | None = None,
    trusted: bool = False,
    tensor_split: Sequence[float] | None = None,
) -> Model:
    """Load a model. `on_progress` is called with 0.0 to 1.0, and returns False to stop (LoadStopped).

    `trusted`: the file comes from a verified download or ships with mull. `tensor_split`: the share of the layers for
    each device of `devices.chosen`; None: by their free memory.
    Raises ModelFileError (the file), EngineError (the library), LoadStopped.
    """
    check_header(path)
    with trace.span("library check"):
        verdict = selfcheck.check_library(state_dir)
    if not trusted:
        with trace.span("file check"):
            check_file(path, state_dir, settings, use_extra_bufts=verdict.use_extra_bufts)
    with trace.span("library"):
        llama = library.prepare(state_dir)
    if devices.has_gpu_backend():
        quiet_stderr.divert(state_dir / library.LOG)
    params = llama.llama_model_default_params()
    params.use_extra_bufts = verdict.use_extra_bufts
    params.load_mtp = settings.draft == DRAFT_ALL and nextn.available()
    if settings.gpu_layers is not None:
        params.n_gpu_layers = settings.gpu_layers
    on_devices = placement.devices_for(settings)
    if on_devices is not None:
        params.devices = ctypes.cast(on_devices, ctypes.c_void_p)
    shares = placement.split_array(tensor_split, int(llama.llama_max_devices()))
    if shares is not None:
        params.tensor_split = shares
    overrides = placement.experts_in_main_memory() if settings.cpu_experts else None
    if overrides is not None:  # kept alive until the model is loaded
        params.tensor_buft_overrides = ctypes.cast(overrides, ctypes.c_void_p)
    library.forget_log_errors()
    stamp = stamps(part_paths(path))  # before loading, in case the file is replaced meanwhile
    handle = None
    if library.may_drop_log() and not devices.has_gpu_backend():
        with library.unlogged():
            handle = _load(llama, path, params, on_progress)
    handle = handle or _load(llama, path, params, on_progress)  # the log says why it fails
    if not handle and params.load_mtp:
        params.load_mtp = False  # the file may name NextN layers and have none
        handle = _load(llama, path, params, on_progress)
    if not handle:
        raise refused(path, library.last_log_error(), on_gpu=devices.offloads(settings))
    model = Model(
        handle, path, stamp, state_dir, on_gpu=devices.offloads(settings), with_nextn=bool(params.load_mtp)
    )
    try:
        model.require_generation()
    except ModelFileError:
        model.close()
        raise
    return model


def _load(llama: Any, path: Path, params: Any, on_progress: Progress | None) -> int | None:
    """llama_model_load_from_file with a progress callback that may stop it or raise."""
    raised: list[BaseException] = []
    stopped, weights = False, 0

    def report(progress: float, _data: object) -> bool:
        nonlocal stopped, weights
        if progress == 0.0:
            weights = time.perf_counter_ns()
        try:
            stopped = on_progress is not None and not on_progress(min(progress, 1.0))
        except BaseException as error:  # noqa: BLE001 - ctypes would print and swallow it; it is raised below
            raised.append(error)
        return not (stopped or raised)

    params.progress_callback = llama.llama_progress_callback(report)
    if not report(0.0, None):  # llama.cpp reports no progress before it has read the vocabulary
        raise raised[0] if raised else LoadStopped()
    begun = weights = time.perf_counter_ns()
    handle = llama.llama_model_load_from_file(os.fsencode(path), params)
    trace.add("header and vocabulary", begun, weights)
    trace.add("weights", weights)
    if stopped or raised:
        if handle:
            llama.llama_model_free(handle)
        raise raised[0] if raised else LoadStopped()
    return int(handle) if handle else None


class Model:
    """A loaded model. Tokens are ints; `piece` returns their bytes, control tokens spelled out."""

    def __init__(
        self,
        handle: int,
        path: Path,
        stamp: tuple[FileStamp, ...] = (),
        state_dir: Path | None = None,
        *,
        on_gpu: bool = False,
        with_nextn: bool = False,
    ) -> None:
        self._llama = library.bindings()
        self.handle: int | None = handle
        self.path = path
        self.on_gpu = on_gpu  # whether a GPU computes some of its layers
        # A NextN layer is loaded. Over several, llama.cpp ends the process in most architectures.
        self.has_nextn = with_nextn and self._llama.llama_model_n_layer_nextn(handle) == 1
        self.stamp = stamp  # of its files when it was loaded
        self.adapters: tuple[Adapter, ...] = ()  # LoRA adapters, which its contexts apply
        self._state_dir = state_dir
        self.vocabulary = self._llama.llama_model_get_vocab(handle)
        self._buffer = ctypes.create_string_buffer(64)
        self._pieces: dict[int, bytes] = {}
        self._attributes: dict[int, int] = {}
        self._before_close: list[Callable[[], object]] = []
        self.n_ctx_train = int(self._llama.llama_model_n_ctx_train(handle))
        self.n_vocab = int(self._llama.llama_vocab_n_tokens(self.vocabulary))
        self.n_params = int(self._llama.llama_model_n_params(handle))
        self.n_layer = int(self._llama.llama_model_n_layer(handle))
        self.n_embd = int(self._llama.llama_model_n_embd(handle))
        self.n_head = int(self._llama.llama_model_n_head(handle))
        self.window = int(self._llama.llama_model_n_swa(handle))  # of sliding attention, tokens; 0 for none
        self.size = int(self._llama.llama_model_size(handle))  # bytes of all tensors
        self.has_tokenizer = (
            self._llama.llama_vocab_type(self.vocabulary) != self._llama.LLAMA_VOCAB_TYPE_NONE
        )
        self.add_bos = self.has_tokenizer and bool(self._llama.llama_vocab_get_add_bos(self.vocabulary))

    def require_generation(self) -> None:
        """Raises ModelFileError for a model that does not generate text token by token."""
        if not self.has_tokenizer or self.n_vocab == 0:
            raise ModelFileError(
                "model_no_tokenizer",
                f"{self.path} has no tokenizer, so it cannot read text.",
                "Use a GGUF file that was converted with its tokenizer.",
            )
        require_generation(self._llama, self.handle, self.path, self.metadata)

    # facts

    @cached_property
    def architecture(self) -> str:
        return self.metadata("general.architecture") or ""

    @cached_property
    def name(self) -> str:
        """The name in the file's metadata, else its file name."""
        return self.metadata("general.name") or self.path.stem

    @cached_property
    def template(self) -> str | None:
        """The chat template's source; None for base models."""
        source = self._llama.llama_model_chat_template(self.handle, None)
        return source.decode("utf-8", "replace") if source else None

    @cached_property
    def bos(self) -> str:
        return self._spelling(self._llama.llama_vocab_bos(self.vocabulary))

    @cached_property
    def eos(self) -> str:
        return self._spelling(self._llama.llama_vocab_eos(self.vocabulary))

    @cached_property
    def special_texts(self) -> SpecialTexts:
        """The other special tokens that a chat template may write."""

        def text_of(key: str) -> str:
            number = self.metadata(key) or ""
            token = int(number) if number.isdecimal() and len(number) < 10 else -1
            return self._spelling(token) if token < self.n_vocab else ""

        return special_texts(text_of)

    @property
    def recurrent(self) -> bool:
        """Whether it has a recurrent state, which cannot be truncated to an earlier position."""
        return bool(
            self._llama.llama_model_is_recurrent(self.handle)
            or self._llama.llama_model_is_hybrid(self.handle)
        )

    def metadata(self, key: str) -> str | None:
        """A scalar of the GGUF metadata as text, None when absent."""
        buffer = ctypes.create_string_buffer(256)
        size = self._llama.llama_model_meta_val_str(self.handle, key.encode(), buffer, len(buffer))
        if size >= len(buffer):
            buffer = ctypes.create_string_buffer(size + 1)
            size = self._llama.llama_model_meta_val_str(self.handle, key.encode(), buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace") if size >= 0 else None

    # vocabulary

    def tokenize(self, text: str, *, special: bool, bos: bool = False) -> list[int]:
        """Token ids of `text`. `special`: spellings of control tokens become those tokens. `bos`: begin and end tokens
        are
        added where the model's metadata asks for them. Raises EngineError."""
        return tokenize(self._llama, self.vocabulary, text, special=special, bos=bos)

    def piece(self, token: int) -> bytes:
        """A token's bytes, of any length; they may end within a UTF-8 character. Control tokens are spelled out."""
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._read_piece(token)
        return piece

    def is_eog(self, token: int) -> bool:
        """Whether this is an end-of-generation token."""
        return bool(self._llama.llama_vocab_is_eog(self.vocabulary, token))

    @cached_property
    def end_token(self) -> int:
        """The token that ends a text: end of text, else end of turn; -1 where the vocabulary has neither."""
        eos = int(self._llama.llama_vocab_eos(self.vocabulary))
        return eos if eos >= 0 else int(self._llama.llama_vocab_eot(self.vocabulary))

    def is_control(self, token: int) -> bool:
        return bool(self._attribute(token) & self._llama.LLAMA_TOKEN_ATTR_CONTROL)

    def is_special(self, token: int) -> bool:
        """Control or user-defined: a token whose spelling the tokenizer matches as a whole."""
        return bool(self._attribute(token) & self._special_bits)

    @cached_property
    def special_tokens(self) -> Mapping[str, int]:
        """Spelling to id of every special token (control, user-defined, unknown): those matched as a whole."""
        bits = self._special_bits | int(self._llama.LLAMA_TOKEN_ATTR_UNKNOWN)
        attribute, vocabulary = self._llama.llama_vocab_get_attr, self.vocabulary

        def is_special(token: int) -> bool:
            return bool(attribute(vocabulary, token) & bits)

        with trace.span("special tokens"):
            found = find_special_tokens(self.n_vocab, is_special, self.stamp, self._state_dir)
            return MappingProxyType({self._spelling(token): token for token in found})

    @cached_property
    def _special_bits(self) -> int:
        return int(self._llama.LLAMA_TOKEN_ATTR_CONTROL | self._llama.LLAMA_TOKEN_ATTR_USER_DEFINED)

    def _attribute(self, token: int) -> int:
        attribute = self._attributes.get(token)
        if attribute is None:
            attribute = int(self._llama.llama_vocab_get_attr(self.vocabulary, token))
            self._attributes[token] = attribute
        return attribute

    def _spelling(self, token: int) -> str:
        return self.piece(token).decode("utf-8", "replace") if token >= 0 else ""

    def _read_piece(self, token: int) -> bytes:
        if not 0 <= token < self.n_vocab:
            raise ValueError(f"no token {token} in a vocabulary of {self.n_vocab}")
        size = len(self._buffer)
        count = self._llama.llama_token_to_piece(self.vocabulary, token, self._buffer, size, 0, True)
        if count < 0:
            self._buffer = ctypes.create_string_buffer(-count)
            count = self._llama.llama_token_to_piece(self.vocabulary, token, self._buffer, -count, 0, True)
        return self._buffer.raw[:count]

    # life

    def before_close(self, action: Callable[[], object]) -> None:
        """Call this before the model is freed: it ends a thread that reads the vocabulary."""
        self._before_close.append(action)

    def close(self) -> None:
        """Free the model. Engines of this model must be closed first."""
        while self._before_close:
            self._before_close.pop()()
        if self.handle is not None:
            self._llama.llama_model_free(self.handle)
            self.handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

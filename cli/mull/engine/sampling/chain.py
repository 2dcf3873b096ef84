"""Sampler chains: settings in, llama.cpp's own samplers in llama.cpp's own order out.

In: a `Sampling` (unset fields take llama.cpp's defaults) and a model. Out: a `Chain` that picks the next token from
the logits of one row, and must be freed (it is a context manager).
Samplers that would change nothing are left out. A grammar can be put in front at any moment, and taken away again: it
binds the answer, not the thinking before it.
"""

from __future__ import annotations

import ctypes
import secrets
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Self

from mull.engine.context import Context
from mull.engine.model import Model
from mull.engine.native import library
from mull.engine.request import Binding
from mull.errors import EngineError, UsageError
from mull.settings import DEFAULT_SAMPLING, Sampling, over

if TYPE_CHECKING:
    from mull.engine.sampling.grammar import Constraint

_EVERYTHING = 4096  # tokens that "the whole text" means to a penalty: what it costs grows with them
_GREATEST = 1e6  # of any sampling parameter: far beyond all sense, far within a float
_COLDEST = 1e-6  # below, logits divided by the temperature leave the range of floats, and the choice is greedy anyway
_LARGE = 8192
"""Tokens of a vocabulary above which the greatest logit is looked for directly: the library first copies all of them
with their ids (151,936 tokens: 0.17 ms, directly 0.03 ms), which many sequences would do in turn at every step."""
_DRY_BREAKERS = (b"\n", b":", b'"', b"*")  # llama.cpp's defaults (common/common.h)


class Chain:
    """One sequence's samplers: penalties, DRY, top-k, top-p, min-p, temperature, then a draw (or the greatest)."""

    def __init__(self, model: Model, sampling: Sampling) -> None:
        llama = library.bindings()
        said = _checked(over(sampling, DEFAULT_SAMPLING))
        params = llama.llama_sampler_chain_default_params()
        params.no_perf = True
        self._llama = llama
        self.handle: int | None = llama.llama_sampler_chain_init(params)
        self.remembers = False  # whether the past of the text changes the choice (penalties, DRY)
        self._model = model
        self._greedy = False
        self._constraint: Constraint | None = None
        self._penalties(model.n_vocab, said)
        self._dry(model.vocabulary, said)
        self._choice(said)

    def sample(self, context: Context, row: int) -> int:
        """Choose from the logits of output `row` of the last decode, and accept the choice."""
        likeliest = self._greedy and not self.remembers
        if self._constraint is not None and self.handle is not None:
            logits = context.logits(row, self._model.n_vocab)
            token = self._constraint.sample(None if likeliest else self.handle, logits)
            self._llama.llama_sampler_accept(self.handle, token)
            return token
        if likeliest and self._model.n_vocab > _LARGE:
            return int(context.logits(row, self._model.n_vocab).argmax())
        return int(self._llama.llama_sampler_sample(self.handle, context.handle, row))

    def bind(self, binding: Binding | None) -> None:
        """What is sampled from now on fits this grammar, from its beginning; None: anything again.

        Raises EngineError where llama.cpp refuses the grammar.
        """
        if self._constraint is not None:
            self._constraint.free()
            self._constraint = None
        if binding is not None:
            from mull.engine.sampling.grammar import Constraint

            self._constraint = Constraint(self._model, binding)

    @property
    def complete(self) -> bool:
        """Whether the grammar that binds it could end here; True without one."""
        return self._constraint is None or self._constraint.complete

    def accept(self, tokens: Sequence[int]) -> None:
        """Take tokens as if they had been sampled: a prompt's end, or injected ones."""
        if self.remembers:
            for token in tokens:
                self._llama.llama_sampler_accept(self.handle, token)

    def free(self) -> None:
        self.bind(None)
        if self.handle is not None:
            self._llama.llama_sampler_free(self.handle)
            self.handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.free()

    def _add(self, sampler: Any) -> None:
        if not sampler:
            raise EngineError(
                "invalid_sampling", "llama.cpp refused the sampling settings.", "Check the sampling flags."
            )
        self._llama.llama_sampler_chain_add(self.handle, sampler)

    def _penalties(self, n_vocab: int, said: Sampling) -> None:
        repeat = said.repeat_penalty or 1.0
        frequency, presence = said.frequency_penalty or 0.0, said.presence_penalty or 0.0
        window = said.repeat_last_n or 0
        if window == 0 or (repeat == 1.0 and not frequency and not presence):
            return
        if window < 0:
            window = _EVERYTHING
        self.remembers = True
        self._add(self._llama.llama_sampler_init_penalties(n_vocab, window, repeat, frequency, presence))

    def _dry(self, vocabulary: int, said: Sampling) -> None:
        if not said.dry_multiplier or not said.dry_penalty_last_n:
            return
        window = said.dry_penalty_last_n if said.dry_penalty_last_n > 0 else _EVERYTHING
        breakers = (ctypes.c_char_p * len(_DRY_BREAKERS))(*_DRY_BREAKERS)
        self.remembers = True
        self._add(
            self._llama.llama_sampler_init_dry(
                vocabulary,
                said.dry_multiplier,
                said.dry_base or 0.0,
                said.dry_allowed_length or 0,
                window,
                breakers,
                len(_DRY_BREAKERS),
            )
        )

    def _choice(self, said: Sampling) -> None:
        temperature = said.temperature or 0.0
        if temperature < _COLDEST:
            self._greedy = True
            self._add(self._llama.llama_sampler_init_greedy())
            return
        if said.top_k and said.top_k > 0:
            self._add(self._llama.llama_sampler_init_top_k(said.top_k))
        if said.top_p is not None and said.top_p < 1:
            self._add(self._llama.llama_sampler_init_top_p(said.top_p, 1))
        if said.min_p:
            self._add(self._llama.llama_sampler_init_min_p(said.min_p, 1))
        self._add(self._llama.llama_sampler_init_temp(temperature))
        # 2**32 - 1 means "a random seed" to llama.cpp, so it is never drawn here nor passed on.
        seed = secrets.randbelow(2**32 - 1) if said.seed is None else said.seed % (2**32 - 1)
        self._add(self._llama.llama_sampler_init_dist(seed))


def _checked(said: Sampling) -> Sampling:
    """Values that make llama.cpp compute with infinities abort the process. Raises UsageError."""
    for field in fields(said):
        value = getattr(said, field.name)
        if isinstance(value, float) and not -_GREATEST <= value <= _GREATEST:  # NaN fails this too
            what = field.name.replace("_", " ")
            raise UsageError("invalid_sampling", f"The {what} cannot be {value}.", "Give a plain number.")
    repeat = said.repeat_penalty
    if repeat and repeat < 1 / _GREATEST:
        raise UsageError(
            "invalid_sampling", f"The repeat penalty cannot be {repeat}.", "1 is off, 1.1 a usual value."
        )
    return said

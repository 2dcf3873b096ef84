"""Sampler chains: sampling settings in, llama.cpp's own samplers in llama.cpp's own order out.

In: a `Sampling` (unset fields take llama.cpp's defaults) and a model. Out: a `Chain` that samples the next token from
one row of logits, and must be freed (it is a context manager). Raises UsageError for values that llama.cpp cannot take.
Samplers without effect are left out. A grammar can be set and removed at any moment: it constrains the answer, not the
thinking before it.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Self

from mull.engine.context import Context
from mull.engine.model import Model
from mull.engine.native import library
from mull.engine.request import GrammarSpec
from mull.engine.sampling import token_trie
from mull.engine.sampling.logit_bias import add_bias
from mull.errors import EngineError, UsageError
from mull.settings import DEFAULT_SAMPLING, Sampling, over

if TYPE_CHECKING:
    from mull.engine.sampling.grammar import GrammarSampler

_WHOLE_TEXT = 4096  # tokens that a penalty over "the whole text" takes into account: its cost grows with them
_LARGEST = 1e6  # of any sampling parameter: beyond any useful value, well within a float
_COLDEST = 1e-6  # below, logits divided by the temperature leave the range of floats, and the choice is greedy anyway
_LARGE = 8192
"""Tokens of a vocabulary above which numpy, where it is imported already, searches the largest logit: llama.cpp first
copies all of them with their ids (151,936 tokens: 0.17 ms, directly 0.03 ms), once for each sequence in every step. Its
import takes 60 ms, as long as 400 tokens save."""
_MIROSTAT_M = 100  # tokens for Mirostat 1's estimate, as in llama.cpp (common/sampling.cpp)
_IMPOSSIBLE = (
    1e-30  # less likely tokens are dropped before typical sampling, which takes the logarithm of 0 else
)
_DRY_BREAKERS = (b"\n", b":", b'"', b"*")  # llama.cpp's defaults (common/common.h)


class Chain:
    """One sequence's samplers: bias, penalties, DRY, those that drop tokens, temperature, then a draw (or greedy)."""

    def __init__(self, model: Model, sampling: Sampling) -> None:
        llama = library.bindings()
        chosen = _checked(over(sampling, DEFAULT_SAMPLING))
        params = llama.llama_sampler_chain_default_params()
        params.no_perf = True
        self._llama = llama
        self.handle: int | None = llama.llama_sampler_chain_init(params)
        self.has_penalties = False  # whether earlier tokens change the choice (penalties, DRY)
        self._model = model
        self._greedy = False
        self._spec: GrammarSpec | None = None
        self._grammar: GrammarSampler | None = None  # for the spec, made when it is needed
        # 2**32 - 1 means "a random seed" to llama.cpp, so it is never drawn here nor passed on.
        seed = int.from_bytes(os.urandom(8)) if chosen.seed is None else chosen.seed
        self._seed = seed % (2**32 - 1)
        self._biased = add_bias(model, chosen.logit_bias or (), self._add)
        self._add_penalties(model.n_vocab, chosen)
        self._add_dry(model.vocabulary, chosen)
        self._add_choice(chosen)

    def sample(self, context: Context, row: int) -> int:
        """Sample from output row `row` of the last decode, and accept the token. Raises EngineError at a grammar's dead
        end."""
        greedy = self._greedy and not self.has_penalties and not self._biased
        if self._spec is not None and self.handle is not None:
            logits = context.logits(row, self._model.n_vocab)
            token = self._matched(self._spec).sample(None if greedy else self.handle, logits)
            self._llama.llama_sampler_accept(self.handle, token)
            return token
        if greedy and self._model.n_vocab > _LARGE and "numpy" in sys.modules:
            return int(context.logits(row, self._model.n_vocab).argmax())
        return int(self._llama.llama_sampler_sample(self.handle, context.handle, row))

    def constrain(self, grammar: GrammarSpec | None) -> None:
        """Constrain the tokens from now on by this grammar, from its start; None: by nothing.

        It is compiled with the next token: what it needs of the vocabulary is prepared while the prompt is processed.
        """
        self._spec, self._grammar = grammar, None
        if grammar is not None:
            token_trie.start(self._model)

    @property
    def complete(self) -> bool:
        """Whether the grammar is complete, so that the text may end here; True without one."""
        if self._spec is None:
            return True
        if self._grammar is None and not self._spec.prefix:  # nothing was generated since
            return False
        return self._matched(self._spec).complete

    def accept(self, tokens: Sequence[int]) -> None:
        """Accept tokens as if they had been sampled: a prompt's, or injected ones."""
        if self.has_penalties:
            for token in tokens:
                self._llama.llama_sampler_accept(self.handle, token)

    def free(self) -> None:
        """Free the samplers. May be called more than once."""
        self.constrain(None)
        if self.handle is not None:
            self._llama.llama_sampler_free(self.handle)
            self.handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.free()

    def _matched(self, spec: GrammarSpec) -> GrammarSampler:
        """Raises EngineError where llguidance rejects the grammar."""
        if self._grammar is None:
            from mull.engine.sampling.grammar import GrammarSampler

            self._grammar = GrammarSampler(self._model, spec)
        return self._grammar

    def _add(self, sampler: Any) -> None:
        if not sampler:
            raise EngineError(
                "invalid_sampling", "llama.cpp rejected the sampling settings.", "Check the sampling flags."
            )
        self._llama.llama_sampler_chain_add(self.handle, sampler)

    def _add_penalties(self, n_vocab: int, chosen: Sampling) -> None:
        repeat = chosen.repeat_penalty or 1.0
        frequency, presence = chosen.frequency_penalty or 0.0, chosen.presence_penalty or 0.0
        window = chosen.repeat_last_n or 0
        if window == 0 or (repeat == 1.0 and not frequency and not presence):
            return
        if window < 0:
            window = _WHOLE_TEXT
        self.has_penalties = True
        self._add(self._llama.llama_sampler_init_penalties(n_vocab, window, repeat, frequency, presence))

    def _add_dry(self, vocabulary: int, chosen: Sampling) -> None:
        if not chosen.dry_multiplier or not chosen.dry_penalty_last_n:
            return
        window = chosen.dry_penalty_last_n if chosen.dry_penalty_last_n > 0 else _WHOLE_TEXT
        breakers = (ctypes.c_char_p * len(_DRY_BREAKERS))(*_DRY_BREAKERS)
        self.has_penalties = True
        self._add(
            self._llama.llama_sampler_init_dry(
                vocabulary,
                chosen.dry_multiplier,
                chosen.dry_base or 0.0,
                chosen.dry_allowed_length or 0,
                window,
                breakers,
                len(_DRY_BREAKERS),
            )
        )

    def _add_choice(self, chosen: Sampling) -> None:
        temperature = chosen.temperature or 0.0
        if temperature < _COLDEST:
            self._greedy = True
            self._add(self._llama.llama_sampler_init_greedy())
            return
        llama = self._llama
        if chosen.mirostat:
            self._add(llama.llama_sampler_init_temp(temperature))
            self._add(self._mirostat(chosen))
            return
        if chosen.top_n_sigma is not None and chosen.top_n_sigma > 0:
            self._add(llama.llama_sampler_init_top_n_sigma(chosen.top_n_sigma))
        if chosen.top_k and chosen.top_k > 0:
            self._add(llama.llama_sampler_init_top_k(chosen.top_k))
        if chosen.typical_p is not None and chosen.typical_p < 1:
            self._add(llama.llama_sampler_init_min_p(_IMPOSSIBLE, 1))
            self._add(llama.llama_sampler_init_typical(chosen.typical_p, 1))
        if chosen.top_p is not None and chosen.top_p < 1:
            self._add(llama.llama_sampler_init_top_p(chosen.top_p, 1))
        if chosen.min_p:
            self._add(llama.llama_sampler_init_min_p(chosen.min_p, 1))
        if chosen.xtc_probability:
            threshold = chosen.xtc_threshold or 0.0
            self._add(llama.llama_sampler_init_xtc(chosen.xtc_probability, threshold, 1, self._seed))
        if chosen.dynatemp_range:
            exponent = 1.0 if chosen.dynatemp_exponent is None else chosen.dynatemp_exponent
            self._add(llama.llama_sampler_init_temp_ext(temperature, chosen.dynatemp_range, exponent))
        else:
            self._add(llama.llama_sampler_init_temp(temperature))
        if chosen.adaptive_target is not None and chosen.adaptive_target >= 0:
            decay = chosen.adaptive_decay or 0.0
            self._add(llama.llama_sampler_init_adaptive_p(chosen.adaptive_target, decay, self._seed))
        else:
            self._add(llama.llama_sampler_init_dist(self._seed))

    def _mirostat(self, chosen: Sampling) -> Any:
        tau, eta = chosen.mirostat_tau or 0.0, chosen.mirostat_eta or 0.0
        if chosen.mirostat == 1:
            n_vocab = self._model.n_vocab
            return self._llama.llama_sampler_init_mirostat(n_vocab, self._seed, tau, eta, _MIROSTAT_M)
        return self._llama.llama_sampler_init_mirostat_v2(self._seed, tau, eta)


def _checked(chosen: Sampling) -> Sampling:
    """The settings, unchanged. Raises UsageError for values with which llama.cpp would compute infinities and abort."""
    for field in fields(chosen):
        value = getattr(chosen, field.name)
        if isinstance(value, float) and not -_LARGEST <= value <= _LARGEST:  # NaN fails this too
            what = field.name.replace("_", " ")
            raise UsageError("invalid_sampling", f"The {what} cannot be {value}.", "Give a plain number.")
    repeat = chosen.repeat_penalty
    if repeat and repeat < 1 / _LARGEST:
        raise UsageError(
            "invalid_sampling", f"The repeat penalty cannot be {repeat}.", "1 is off, 1.1 a usual value."
        )
    return chosen

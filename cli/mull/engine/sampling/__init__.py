"""From logits to a token: the sampler chain, constrained decoding, log-probabilities.

`chain.py` is a request's sampler chain, `grammar.py` constrains it, by llama.cpp's own grammar (`grammar_matcher.py`),
its array of candidates (`candidates.py`) and an index of the vocabulary (`token_index.py`); `logprobs.py` reads
probabilities from logits. Imports model and context, nothing of the KV cache.
"""

"""From logits to a token: the sampler chain, constrained decoding, log-probabilities.

`chain.py` is a request's sampler chain, `grammar.py` constrains it, by llguidance's matcher (`grammar_matcher.py`) over
the vocabulary as a trie (`token_trie.py`), and llama.cpp's array of candidates (`candidates.py`); `logprobs.py` reads
probabilities from logits. Imports model and context, nothing of the KV cache.
"""

"""From logits to a token: the sampler chain, constrained decoding and log-probabilities."""

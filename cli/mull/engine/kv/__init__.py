"""The KV cache and the prompt cache: what sequences hold in memory (slots), and their states on disk.

`slot.py` records what each sequence holds, `prompt_cache.py` finds, restores and stores states of earlier prompts,
`state_store.py` is the folder they are in, `cache_key.py` the key that separates incompatible ones, `prefill.py` how
prompts are split into batches, `transpose_v.py` the conversion between attention layouts, `throughput.py` what
restoring and computing cost. Imports model and context, nothing of sampling.
"""

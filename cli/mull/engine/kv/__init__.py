"""The KV cache: slots, the prompt cache in memory and on disk, and the cost of prefill."""

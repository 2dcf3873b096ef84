"""The only importer of llama_cpp: library, model, sampling, the one decode loop, KV reuse."""

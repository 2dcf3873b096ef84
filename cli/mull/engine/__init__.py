"""llama.cpp in this process: models, contexts, the KV cache, sampling, and the one decode loop (`engine.py`).

Imports go in one direction, from right to left; this is the only package that imports `llama_cpp`:

    native <- compute_params, model <- context <- kv, sampling <- speculative
           <- sequence <- scheduler, generation <- resizable_context <- engine

`native/` loads the library and checks that it does not crash. `model.py` is a loaded GGUF file, `context.py` a
llama_context. `kv/` holds the slots of the KV cache and the prompt cache, `sampling/` turns logits into tokens,
`speculative/` drafts tokens. `sequence.py` is the state of one request, `scheduler.py` decides which sequences decode
next and evicts or preempts when the KV cache is full, `generation.py` is a request as its reader iterates it, and
`engine.py` decodes. `tuned.py` and `diagnostics.py` serve `mull bench --tune` and `mull doctor`.
"""

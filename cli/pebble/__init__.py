"""pebble, the built-in model of mull: its data, training, export and evaluation.

Nothing here is imported by the `mull` package, which carries the finished `pebble.gguf` only. Needs PyTorch, numpy,
`tokenizers` and `gguf`; see README.md beside this file for the commands.
"""

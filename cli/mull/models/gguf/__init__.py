"""GGUF headers: a reader for hostile files, and what a header says of the model."""

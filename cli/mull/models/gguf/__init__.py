"""GGUF headers: a reader for untrusted files, and the sampling defaults in a header."""

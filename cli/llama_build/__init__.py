"""Build llama-cpp-python for this machine: what `make setup` runs before anything is installed.

Standard library only. `python -m llama_build` with `cli` on the path; `tests/bench/peers.py` uses the parts.
"""

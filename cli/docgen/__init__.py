"""Generators of the pages under `docs/`: `python -m docgen` writes them, `--check` fails when one is stale."""

"""Prompt templates: small TOML files for recurring questions (`mull -t commit`), where they lie, and which are trusted.

`template.py` reads one, `files.py` finds it by its name, `trust.py` says whose templates may set more than the prompt.
"""

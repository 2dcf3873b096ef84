"""Constrained answers: read schemas and grammars, check them, and translate JSON Schema to GBNF."""

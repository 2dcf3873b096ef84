"""Constrained answers: read schemas, grammars, expressions and choices, and compile them with llguidance."""

"""Speculative decoding: drafts from prompt lookup or from a draft model."""

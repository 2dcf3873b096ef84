"""Builders of tiny GGUF models for tests: models that play a script, and random models of real shapes."""

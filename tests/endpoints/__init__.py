"""Endpoints: servers with an OpenAI-compatible API."""

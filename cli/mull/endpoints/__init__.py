"""Endpoints: servers with an OpenAI-compatible API that `-m MODEL@ENDPOINT` names."""

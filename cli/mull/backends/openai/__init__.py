"""`OpenAIBackend`: a server with an OpenAI-compatible API as a `ChatBackend`."""

"""`mull serve`: turns of a backend behind an OpenAI-compatible HTTP API.

One thread decodes for all models (`decode_thread.py`); the main thread serves HTTP on an event loop (`app.py`).
Requests cross to the decode thread as jobs, their events come back in one call for each step. Only this package
imports Starlette and uvicorn.
"""

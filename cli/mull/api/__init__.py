"""The OpenAI-compatible API as data: requests, events and errors to JSON and back. No network, no model.

Shared by the server (`mull/server/`) and the client (`backends/openai/`). The dialect is llama-server's wherever
OpenAI's has a gap. The `mull` extension carries what that dialect has no place for, so that a client gets back the
exact event stream: a request asks for it with `"mull": {"version": …}`, and a server of the same version then adds a
`mull` object to each chunk. Everything here is a round trip, tested over every event and setting.
"""

"""Keep-alive: a server process holds the model in memory between calls, for a time that the user set.

`backend.py` is the `ChatBackend` that uses such a server and starts one where there is none; `child.py` is the server
process. `spec.py` says which server a call needs, `folder.py` where it listens, `record.py` what is known of those that
run, `process.py` whether they still do, `starting.py` and `stopping.py` begin and end them, `idle.py` when they leave.
"""

"""One model over several machines, by llama.cpp's RPC backend.

Every failure of a connection to a worker ends the process that computes, and a stopped worker blocks it. So the model
runs in a child process (`child.py`), and `backend.py` survives its death. Only `mull serve` uses this.
"""

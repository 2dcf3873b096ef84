"""Workers of llama.cpp's RPC backend, and what uses them."""

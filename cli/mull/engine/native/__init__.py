"""The llama.cpp library itself: loading it, its log, and the self-check in a child process."""

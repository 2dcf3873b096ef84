"""What `mull doctor` finds out: this machine, its cards, the build of llama.cpp, and the command that builds it anew."""

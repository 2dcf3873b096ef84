"""What `mull doctor` finds out: this machine, its cards, the build of llama.cpp, the command that fixes it."""

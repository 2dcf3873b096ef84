"""`python -m tests.bench`: what mull costs above llama.cpp itself, as ratios measured in alternation in one run."""

"""Memory: what a model needs, what this machine has, and whether one fits the other."""

"""One turn: prompt, generation, split of thinking and answer, stop strings and constraints."""

"""The shape an answer is asked for in: schemas and grammars, read, checked, and put into llama.cpp's words."""

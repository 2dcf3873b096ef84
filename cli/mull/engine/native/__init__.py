"""The llama.cpp library itself: loading it, its log, and the self-check in a child process.

`library.py` finds, loads and initializes it, `log.py` receives its log, `selfcheck.py` tries it in a child process
(`isolated.py` runs one, `selfcheck_child.py` is what it runs), `verdicts.py` stores the results. Imports no other part
of engine.
"""

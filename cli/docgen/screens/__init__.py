"""docs/screens/: pictures of mull in a pseudo-terminal, and a recording. `make screens` makes them. POSIX only.

They show the real program, with pebble and with models that play a script, on a machine that `stage` describes. All of
it but `scenes` needs the terminal emulator and the models of the tests.
"""

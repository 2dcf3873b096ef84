"""The commands: one module each, which `mull.app` imports when that command runs.

A command is a function whose signature declares its arguments and flags (`_options` has the shared ones). It gets the
three streams as `context.obj`, calls the packages below, and hands the result to a view; it contains no logic of its
own. Imports that are slow stand inside the function, so that Tab and --help stay quick. Failures are raised as
`MullError`, and `mull.app` prints them and sets the exit code. With `--json` a command writes one object, with
`write_object`. Modules with a leading underscore are helpers of several commands; only this package imports them.
"""

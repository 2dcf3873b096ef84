"""Fuzz targets: each module `target_NAME` has `check(data)`, which raises unless mull keeps its promises.

`python -m tests.fuzz` runs them for FUZZ_SECONDS each, guided by coverage (atheris); corpus/NAME has the seeds.
"""

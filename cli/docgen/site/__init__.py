"""The pages of docs/ as a site: `python -m docgen.site [FOLDER]` (make site), by default in site/ of the repository.

Sphinx builds it with MyST, which reads Markdown with the parser that mull itself uses, and the theme Furo. The versions
are in requirements.lock beside this file; nothing else of the repository needs them.
"""

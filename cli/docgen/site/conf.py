"""Sphinx's settings for the site. No page loads anything from another host, and the site works without a server."""

from __future__ import annotations

project = "mull"
html_title = "mull"
language = "en"
extensions = ["myst_parser"]
nitpicky = True
smartquotes = False
source_suffix = {".md": "markdown"}
root_doc = "index"

# GitHub's Markdown: what it knows beyond CommonMark, and its anchors of headings.
myst_enable_extensions = ["alert", "gfm_autolink", "strikethrough", "tasklist"]
myst_heading_anchors = 6

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_show_sphinx = False
html_use_index = False

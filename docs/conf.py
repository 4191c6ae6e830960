"""How Sphinx makes the site: `make docs`. The pages are plain Markdown that can be read on a forge as well.

The source folder is the whole repository, so that a link to ../GLOSSARY.md or to a file of an example is the same
path here and there. Their order is in docs/_toc.yml, so that no page holds a directive.
"""

from __future__ import annotations

from hyperscale import __version__

project = "hyperscale"
author = "the contributors of hyperscale"
version = release = __version__
root_doc = "docs/index"
extensions = ["myst_parser", "sphinx_copybutton", "sphinx_external_toc"]
external_toc_path = "docs/_toc.yml"
include_patterns = ["docs/**", "*.md", "examples/*/README.md"]
# README.md is the front page of the repository; docs/index.md is that of the site.
exclude_patterns = ["README.md", "**/.*", "docs/conf.py"]

# Anchors as a forge makes them: the build refuses a link to one that is not there.
myst_heading_anchors = 4

html_theme = "furo"
html_title = "hyperscale"
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
copybutton_prompt_text = "$ "

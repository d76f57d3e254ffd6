"""How Sphinx builds these pages; `make docs` does it, with warnings as errors."""

import phosphene

project = "Phosphene"
author = "The Phosphene authors"
release = version = phosphene.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_typehints = "none"
autodoc_member_order = "bysource"
toc_object_entries = False
copybutton_prompt_text = "$ "

html_theme = "furo"
html_title = "Phosphene"
html_show_sphinx = False
html_show_copyright = False

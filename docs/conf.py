"""Sphinx: built offline, and every warning is an error (make docs)."""

import seisdream

project = "seisdream"
author = "The seisdream developers"
copyright = "the seisdream developers, Apache-2.0"
release = version = seisdream.__version__

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
templates_path = ["_templates"]

html_theme = "furo"
html_title = "seisdream"

myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"  # The docstrings say the types, in words.
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # autodoc lists them already.


def skip_what_has_its_own_page(app, what, name, obj, skip, options):
    """Leave out of a module's page what `seisdream` itself hands out: it is documented under that name."""
    return skip or (what == "module" and name in seisdream.__all__)


def setup(app):
    """Register the hook above."""
    app.connect("autodoc-skip-member", skip_what_has_its_own_page)

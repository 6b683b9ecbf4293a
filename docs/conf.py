"""Sphinx: built offline, and every warning is an error (make docs)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from reference_tables import write_tables

import seisdream

project = "seisdream"
author = "The seisdream developers"
copyright = "the seisdream developers, Apache-2.0"
release = version = seisdream.__version__

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.viewcode"]
exclude_patterns = ["_build", "reference/generated/*"]
templates_path = ["_templates"]

html_theme = "furo"
html_title = "seisdream"

myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"  # The docstrings give the types.
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # autodoc lists them already.


def setup(app):
    """Write the tables that are made from the code before the pages are read."""
    app.connect("builder-inited", lambda app: write_tables())

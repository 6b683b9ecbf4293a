"""A page with sections and the viewer's module, for the tests of the viewer."""

import json

from seisdream.viewer.assets import module_text, style_text

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Section</title><style>{style}</style>
<main style="width: 900px"><h1>Section</h1><div id="host"></div></main>
<script type="application/json" id="data">{data}</script>
<script type="module">{module}
const host = document.getElementById("host");
const sections = await Promise.all(JSON.parse(document.getElementById("data").textContent).map(decodeSection));
Object.assign(window, {{coloursOf, spectrumOf, histogramOf, sections}});
{script}</script></html>"""


def write_page(folder, script, *sections):
    """Write a page that runs a script after the viewer's module, and return its address."""
    data = json.dumps([one.inline() for one in sections]).replace("<", "\\u003c")
    page = folder / "page.html"
    page.write_text(PAGE.format(style=style_text(), module=module_text(), data=data, script=script), "utf-8")
    return page.as_uri()

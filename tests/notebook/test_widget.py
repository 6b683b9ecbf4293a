"""The widget of a notebook: its values in Python, and its module in a browser."""

import base64
import json

import numpy as np
import pytest

import seisdream as sd
from chromium import chromium, opened
from errors import raises
from seisdream.notebook.widget import SectionWidget

SETTINGS = {"steps": 2, "octaves": 1}
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Widget</title><style>{style}</style>
<div id="cell" style="width: 900px"></div>
<script type="module">{module}
const values = {values}; const listeners = {{}};
const bytes = (text) => new DataView(Uint8Array.from(atob(text), (one) => one.charCodeAt(0)).buffer);
window.sent = [];
window.model = {{
  get: (name) => (["before", "after"].includes(name) ? bytes(values[name]) : values[name]),
  on: (name, listener) => (listeners[name] ??= []).push(listener),
  send: (content) => sent.push(content),
  set: (name, value) => {{ values[name] = value; (listeners[`change:${{name}}`] ?? []).forEach((one) => one()); }},
}};
widget.render({{model, el: document.getElementById("cell")}});
</script></html>"""


def _section():
    values = np.random.default_rng(0).normal(size=(32, 48)).astype(np.float32)
    return sd.make_section(values, dt_ms=4.0)


def _amplitudes(body):
    length = int.from_bytes(body[:4], "little")
    header = json.loads(body[4 : 4 + length])
    samples = np.frombuffer(body[4 + length :], "<i2").reshape(header["shape"])
    return samples / 32767 * header["limit"]


def test_a_section_is_shown_with_its_amplitudes():
    section = _section()
    widget = section.seisdream.show()
    assert isinstance(widget, SectionWidget)
    assert not widget.can_dream
    np.testing.assert_allclose(_amplitudes(widget.before), section.values, atol=1e-3)


def test_the_button_dreams_as_the_library_does():
    section = _section()
    widget = sd.show(section, "gabor", **SETTINGS)
    widget._on_message(widget, {"kind": "dream"}, [])
    result = widget.wait()
    expected = sd.dream(section, "gabor", **SETTINGS).dataset["dream"].values
    assert (widget.state, result.dataset["dream"].values.tolist()) == ("finished", expected.tolist())
    np.testing.assert_allclose(_amplitudes(widget.after), expected, atol=0.01)
    assert widget.words.startswith("Step 2 of 2")


def test_what_does_not_go_together_raises_at_once():
    with raises("unknown-name"):
        sd.show(_section(), "gabor", "enc99")


@pytest.mark.slow
def test_the_module_shows_the_section_and_the_steps(tmp_path):
    widget = sd.show(_section(), "gabor", **SETTINGS)
    values = {
        "before": base64.b64encode(widget.before).decode(),
        "after": "",
        "can_dream": True,
        "state": "idle",
        "words": "",
    }
    module = widget._esm.replace("export default", "const widget =")
    page = tmp_path / "page.html"
    page.write_text(PAGE.format(style=widget._css, module=module, values=json.dumps(values)), "utf-8")
    widget.dream()
    widget.wait()
    with chromium() as browser, opened(browser, page.as_uri()) as tab:
        tab.click("text=Dream")
        assert tab.evaluate("sent") == [{"kind": "dream"}]
        tab.evaluate("model.set('state', 'running')")
        assert tab.inner_text("#cell button >> nth=0") == "Stop"
        tab.evaluate("(text) => model.set('after', text)", base64.b64encode(widget.after).decode())
        tab.evaluate("(words) => model.set('words', words)", widget.words)
        assert tab.inner_text("output >> nth=0").startswith("Step 2 of 2")
        tab.evaluate("model.set('state', 'finished')")
        assert tab.locator(".sd-measures svg").count() == 2
        tab.locator(".sd-stage").first.hover(position={"x": 400, "y": 150})
        assert "amplitude" in tab.locator(".sd-readout").first.inner_text()

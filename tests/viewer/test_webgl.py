"""Sections drawn by WebGL, in Chromium's software renderer, against those drawn on a plain canvas."""

from contextlib import ExitStack

import numpy as np
import pytest
import xarray as xr

from chromium import WEBGL, chromium, opened
from section_page import write_page
from seisdream.seismic.sections import make_section
from seisdream.viewer.encoding import encode_classes, encode_section

SCRIPT = """
Object.assign(window, {Painter, WebglSurface});
const MOST = 32;
host.style.width = "600px";
host.style.setProperty("--sd-height", "320px");
window.viewer = new SectionViewer(host, {section: sections[0]});
window.surface = WebglSurface.open(true);
const pixels = (surface) => {
  Painter.surface = surface;
  viewer.draw();
  const {x, y, width, height} = viewer.area;
  return viewer.base.getContext("2d").getImageData(x, y, width, height).data;
};
window.compare = () => {
  const plain = pixels(null);
  const webgl = pixels(surface);
  const differences = webgl.map((value, i) => Math.abs(value - plain[i]));
  return {
    colours: new Set(new Uint32Array(plain.buffer)).size,
    isWebgl: Painter.surface === surface,
    largest: differences.reduce((a, b) => Math.max(a, b), 0),
    share: differences.filter((one) => one > MOST).length / differences.length,
  };
};
"""


@pytest.fixture(scope="module")
def browser():
    with chromium(WEBGL) as one:
        yield one


@pytest.fixture
def show(browser, tmp_path):
    """Open sections in a viewer that can draw both ways."""
    with ExitStack() as pages:

        def open_page(*sections):
            page = pages.enter_context(opened(browser, write_page(tmp_path, SCRIPT, *sections)))
            page.wait_for_function("window.compare !== undefined")  # A function would be called.
            return page

        yield open_page


def _noise(height, width):
    """Smooth noise, with a corner without data."""
    values = np.random.default_rng(3).normal(size=(height, width)).cumsum(axis=0).astype(np.float32)
    values -= values.mean(axis=0)
    values[: height // 5, : width // 7] = np.nan
    return make_section(values, dt_ms=4.0)


def _assert_alike(page, share=0.002):
    """The same pixels but for the interpolation between samples, whose weights have fewer steps on a canvas."""
    found = page.evaluate("compare()")
    assert found["isWebgl"]
    assert found["colours"] > 10
    assert found["share"] < share, found


def test_webgl_draws_the_pixels_of_a_canvas(show):
    page = show(encode_section(_noise(160, 210)))
    for change in (
        "viewer.setDisplay({map: 'blue-red', clip: 90, polarity: 'reversed', gain: 9})",
        "viewer.setView({x0: 10.3, x1: 51.9, y0: 11.7, y1: 60.2})",
    ):
        page.evaluate(change)
        _assert_alike(page)


def test_a_section_wider_than_a_texture_is_drawn_in_tiles(show):
    page = show(encode_section(_noise(40, 4500)))
    for x0, x1 in ((0, 4500), (2040, 2056)):
        page.evaluate(f"viewer.setView({{x0: {x0}, x1: {x1}, y0: 0, y1: 40}})")
        _assert_alike(page)


def test_overlays_masks_and_colours_are_drawn_alike(show):
    section = _noise(40, 60)
    codes = xr.DataArray(np.indices((40, 60)).sum(axis=0) // 7 % 2, dims=("time", "trace"), coords=section.coords)
    classes = encode_classes(codes.astype(np.uint8), ["a", "b"], ["#0066ff", "#ff9900"])
    values = encode_section(_noise(40, 60), title="Attribution")
    colour = np.random.default_rng(1).integers(0, 255, (40, 60, 3), np.uint8)
    page = show(encode_section(section), classes, values, encode_section(make_section(colour)))
    for change in (
        "viewer.setOverlay(sections[1], 0.5)",
        "viewer.setOverlay(sections[2], 0.8)",
        "viewer.setMask(Uint8Array.from({length: 2400}, (_, i) => (i % 60 > 30 ? 200 : 0)))",
        "viewer.setMask(null); viewer.setOverlay(null); viewer.setSection(sections[3])",
    ):
        page.evaluate(change)
        _assert_alike(page, share=0.02)


def test_neither_a_software_renderer_nor_a_lost_context_is_used(show):
    page = show(encode_section(_noise(160, 210)))
    page.wait_for_function("Painter.surface !== undefined")
    assert page.evaluate("Painter.surface") is None
    page.evaluate("surface.gl.getExtension('WEBGL_lose_context').loseContext()")
    found = page.evaluate("compare()")
    assert (found["isWebgl"], found["largest"]) == (False, 0)
    assert found["colours"] > 10

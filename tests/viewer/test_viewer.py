"""The section viewer in a real browser: colours, axes, keys, comparison, speed."""

from contextlib import ExitStack

import matplotlib
import numpy as np
import pytest
import xarray as xr

from chromium import chromium, opened
from section_page import write_page
from seisdream.plotting.panels import COLORMAPS
from seisdream.seismic.sections import make_section
from seisdream.viewer.assets import module_text, style_text
from seisdream.viewer.encoding import encode_classes, encode_section

MOST_BYTES = 200_000
WHITE, BLACK = [255, 255, 255, 255], [0, 0, 0, 255]


@pytest.fixture(scope="module")
def browser():
    with chromium() as one:
        yield one


VIEWER = "window.viewer = new SectionViewer(host, {section: sections[0]});"
COMPARISON = "window.comparison = new Comparison(host, {before: sections[0], after: sections[1]});"


@pytest.fixture
def show(browser, tmp_path):
    """Open sections in a viewer on a page 900 pixels wide."""
    with ExitStack() as pages:

        def open_page(*sections, script=VIEWER, **options):
            page = pages.enter_context(opened(browser, write_page(tmp_path, script, *sections), **options))
            page.wait_for_function("window.viewer || window.comparison")
            return page

        yield open_page


def _halves(low=-1.0, high=1.0):
    """Left half low, right half high."""
    values = np.full((40, 60), low, np.float32)
    values[:, 30:] = high
    return make_section(values, dt_ms=4.0)


def _pixel(page, across, down):
    """The pixel at shares of the area of the samples."""
    return page.evaluate(
        """([u, v]) => { const viewer = window.viewer ?? comparison.first; viewer.draw(); const {area, base} = viewer;
        const ratio = base.width / base.clientWidth;
        const at = [area.x + u * area.width, area.y + v * area.height].map((one) => Math.round(one * ratio));
        return [...base.getContext("2d").getImageData(...at, 1, 1).data]; }""",
        [across, down],
    )


def test_the_module_is_small():
    assert len(module_text().encode()) + len(style_text().encode()) < MOST_BYTES


def test_colour_maps_are_those_of_the_figures(show):
    page = show(encode_section(_halves()))
    for name, known in {**COLORMAPS, "viridis": "viridis"}.items():
        pixels = np.array(page.evaluate("(name) => [...coloursOf(name)]", name), np.uint32)
        rgb = np.stack([pixels & 255, (pixels >> 8) & 255, (pixels >> 16) & 255], axis=-1).astype(int)
        expected = np.rint(255 * matplotlib.colormaps[known](np.linspace(0, 1, 256))[:, :3])
        assert np.abs(rgb - expected).max() <= 5, name


def test_keys_change_polarity_map_and_gain(show):
    page = show(encode_section(_halves()))
    assert (_pixel(page, 0.25, 0.5), _pixel(page, 0.75, 0.5)) == (BLACK, WHITE)
    page.focus(".sd-stage")
    page.keyboard.press("p")
    assert (_pixel(page, 0.25, 0.5), _pixel(page, 0.75, 0.5)) == (WHITE, BLACK)
    page.keyboard.press("p")
    page.keyboard.press("m")
    assert _pixel(page, 0.75, 0.5) == [0x67, 0x00, 0x1F, 255]
    page.keyboard.press("m")
    page.evaluate("viewer.setDisplay({map: 'grey'})")
    for _ in range(4):
        page.keyboard.press("Shift+G")
    assert page.inner_text(".sd-value").replace("−", "-") == "-12 dB"
    # A quarter of the range above mid-grey.
    assert _pixel(page, 0.75, 0.5)[0] == pytest.approx(127.5 * (1 + 10 ** (-12 / 20)), abs=1.5)


def test_a_picture_is_drawn_over_its_range(show):
    page = show(encode_section(make_section(np.array([[0, 51], [204, 255]], np.uint8).repeat(8, 0).repeat(8, 1))))
    assert [_pixel(page, u, v)[0] for v in (0.25, 0.75) for u in (0.25, 0.75)] == [0, 51, 204, 255]
    colour = show(encode_section(make_section(np.full((8, 8, 3), (10, 120, 250), np.uint8))))
    assert _pixel(colour, 0.5, 0.5) == [10, 120, 250, 255]


def test_absent_samples_are_hatched_in_a_colour_of_no_map(show):
    section = _halves()
    section.values[:, :30] = np.nan
    page = show(encode_section(section))
    pixels = {tuple(_pixel(page, 0.25 + k / 90, 0.5)[:3]) for k in range(9)}
    assert (0xE7, 0xDF, 0xCD) in pixels
    assert all(red > blue for red, _, blue in pixels)


def test_zoom_pan_and_whole_by_key_and_button(show):
    page = show(encode_section(_halves()))
    view = lambda: page.evaluate("viewer.view")  # noqa: E731
    assert view() == {"x0": 0, "x1": 60, "y0": 0, "y1": 40}
    page.focus(".sd-stage")
    page.keyboard.press("+")
    assert view() == {"x0": 6, "x1": 54, "y0": 4, "y1": 36}
    page.keyboard.press("ArrowRight")
    assert (view()["x0"], view()["x1"]) == (pytest.approx(10.8), pytest.approx(58.8))
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert (view()["x0"], view()["x1"]) == (12, 60)
    page.keyboard.press("]")
    assert view()["y1"] - view()["y0"] == pytest.approx(32 / 1.25)
    page.click("text=Whole")
    assert view() == {"x0": 0, "x1": 60, "y0": 0, "y1": 40}


def test_dragging_moves_and_the_wheel_zooms_where_the_pointer_is(show):
    page = show(encode_section(_halves()))
    page.evaluate("viewer.setView({x0: 20, x1: 40, y0: 10, y1: 30})")
    area, box = page.evaluate("viewer.area"), page.locator(".sd-stage").bounding_box()
    x, y = box["x"] + area["x"] + area["width"] / 2, box["y"] + area["y"] + area["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - area["width"] / 4, y)
    page.mouse.up()
    assert page.evaluate("viewer.view.x0") == pytest.approx(25, abs=0.1)
    page.focus(".sd-stage")
    page.mouse.move(x, y)
    page.mouse.wheel(0, -300)
    page.wait_for_function("viewer.view.x1 - viewer.view.x0 < 11")
    assert page.evaluate("(viewer.view.x0 + viewer.view.x1) / 2") == pytest.approx(35, abs=0.1)


def test_two_fingers_zoom(show):
    page = show(encode_section(_halves()), has_touch=True, viewport={"width": 1000, "height": 800})
    area, box = page.evaluate("viewer.area"), page.locator(".sd-stage").bounding_box()
    x, y = box["x"] + area["x"] + area["width"] / 2, box["y"] + area["y"] + area["height"] / 2
    session = page.context.new_cdp_session(page)
    for kind, apart in (("touchStart", 40), ("touchMove", 60), ("touchMove", 80), ("touchEnd", None)):
        points = [] if apart is None else [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert page.evaluate("viewer.view.x1 - viewer.view.x0") == pytest.approx(30, rel=0.02)


def test_the_readout_names_line_position_and_amplitude(show):
    values = np.zeros((40, 30), np.float32)
    values[10, 20] = 1234.0
    section = make_section(
        values,
        dims=("time", "crossline"),
        coords={"time": 100.0 + 4.0 * np.arange(40), "crossline": 300 + np.arange(30), "inline": 205},
        muted="present",
    )
    page = show(encode_section(section))
    page.evaluate("viewer.addEventListener('point', (event) => (window.point = event.detail))")
    area, box = page.evaluate("viewer.area"), page.locator(".sd-stage").bounding_box()
    at = (box["x"] + area["x"] + area["width"] * 20.5 / 30, box["y"] + area["y"] + area["height"] * 10.5 / 40)
    page.mouse.click(*at)
    assert page.inner_text(".sd-readout") == "inline 205 · crossline 320 · time 140 ms · amplitude 1234"
    assert page.evaluate("point") == {"column": 20, "row": 10, "across": 320, "down": 140, "value": pytest.approx(1234)}
    page.focus(".sd-stage")
    for key in ("c", "ArrowRight", "Shift+ArrowDown", "Enter"):
        page.keyboard.press(key)
    assert page.evaluate("[point.across, point.down]") == [321, 180]


def test_classes_have_a_legend_and_names_are_never_markup(show):
    codes = xr.DataArray(np.zeros((40, 60), np.uint8), dims=("time", "trace"), coords=_halves().coords)
    codes[:, 30:] = 1
    name = "<b>salt</b>&"
    page = show(
        encode_section(_halves(), title="<img src=x>"),
        encode_classes(codes, ["water", name], ["#0000ff", "#ff0000"]),
        script=f"{VIEWER} viewer.setOverlay(sections[1], 0.5);",
    )
    assert page.locator(".sd-legend li").all_inner_texts() == ["water", name]
    assert page.locator("img, b").count() == 0
    # Half blue over black, half red over white.
    assert _pixel(page, 0.25, 0.5)[:3] == pytest.approx([0, 0, 128], abs=2)
    assert _pixel(page, 0.75, 0.5)[:3] == pytest.approx([255, 127, 127], abs=2)
    assert name in page.evaluate("viewer.words(40, 10)")


def test_averages_are_those_of_the_samples(show):
    values = np.random.default_rng(1).normal(size=(37, 53)).astype(np.float32)
    page = show(encode_section(make_section(values, dt_ms=4.0)))
    level = page.evaluate(
        "() => { const {width, height, data} = sections[0].level(1, 2); "
        "return [width, height, [...new Int16Array(data.buffer)], sections[0].unit]; }"
    )
    averages = np.array(level[2]).reshape(level[1], level[0]) * level[3]
    assert averages.shape == (10, 27)
    np.testing.assert_allclose(averages[:9, :26], values[:36, :52].reshape(9, 4, 26, 2).mean(axis=(1, 3)), atol=1e-3)


def test_wiggles_fill_the_lobes_that_polarity_says(show):
    values = np.tile(np.where(np.arange(40) < 20, 1.0, -1.0)[:, None], (1, 16)).astype(np.float32)
    page = show(encode_section(make_section(values, dt_ms=4.0)))
    page.focus(".sd-stage")
    page.keyboard.press("w")
    page.keyboard.press("w")
    filled = lambda v: _pixel(page, (8 + 0.5 + 0.3) / 16, v)[0] < 60  # noqa: E731
    assert (filled(0.25), filled(0.75)) == (True, False)
    page.keyboard.press("p")
    assert (filled(0.25), filled(0.75)) == (False, True)


def test_the_spectrum_of_a_sine_peaks_at_its_frequency(show):
    wave = np.sin(2 * np.pi * 31.25 * 0.004 * np.arange(256))[:, None] * np.ones((1, 8))
    section = make_section(wave, dt_ms=4.0)
    page = show(encode_section(section), encode_section(section, most_samples=wave.size // 8))
    for spectrum in page.evaluate("sections.map(spectrumOf)"):
        assert spectrum["frequency"][int(np.argmax(spectrum["amplitude"]))] == 31.25
        assert (spectrum["frequency"][-1], spectrum["unit"]) == (125, "Hz")
        expected = np.abs(np.fft.rfft(wave[:, 0]))
        np.testing.assert_allclose(spectrum["amplitude"], expected, atol=0.02)


def test_a_histogram_counts_every_sample_once(show):
    page = show(encode_section(_halves(-1.0, 3.0)))
    counts = page.evaluate("histogramOf(sections[0], 4, 8)")
    assert counts == [0, 0, 0, 0.5, 0, 0, 0, 0.5]


def test_wipe_blink_and_difference(show):
    before, after = _halves(-1.0, 1.0), _halves(1.0, 1.0)
    page = show(encode_section(before), encode_section(after), script=COMPARISON)
    # Left of the boundary before, right of it after.
    assert (_pixel(page, 0.25, 0.5), _pixel(page, 0.75, 0.5)) == (BLACK, WHITE)
    area, box = page.evaluate("comparison.first.area"), page.locator(".sd-stage").first.bounding_box()
    x, y = box["x"] + area["x"] + area["width"] / 2, box["y"] + area["y"] + area["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 0.4 * area["width"], y)
    page.mouse.up()
    assert page.evaluate("comparison.share") == pytest.approx(0.1, abs=0.01)
    assert (_pixel(page, 0.05, 0.5), _pixel(page, 0.25, 0.5)) == (BLACK, WHITE)
    page.locator(".sd-stage").first.focus()
    page.keyboard.press("b")
    assert (page.evaluate("comparison.mode"), _pixel(page, 0.25, 0.5)) == ("after", WHITE)
    page.keyboard.press("b")
    assert (page.evaluate("comparison.mode"), _pixel(page, 0.25, 0.5)) == ("before", BLACK)
    page.keyboard.press("d")
    assert page.evaluate("comparison.first.section.valueAt(0, 0)") == pytest.approx(2.0)
    assert page.evaluate("comparison.first.section.valueAt(59, 0)") == 0.0
    page.click("text=Blink")
    page.wait_for_function("comparison.mode === 'after'")
    page.wait_for_function("comparison.mode === 'before'")


def test_a_map_of_something_else_stands_next_to_the_section(show):
    map_ = encode_section(_halves(), value_range=(-1.0, 1.0), colormap="purple-orange")
    page = show(encode_section(_halves()), map_, script=COMPARISON)
    assert page.evaluate("comparison.mode") == "side"
    assert page.locator("button:has-text('Difference')").is_hidden()


def test_zoom_and_display_are_linked_side_by_side(show):
    page = show(encode_section(_halves()), encode_section(_halves()), script=COMPARISON)
    page.click("text=Side by side")
    page.locator(".sd-stage").first.focus()
    for key in ("+", "m", "g"):
        page.keyboard.press(key)
    assert page.evaluate("comparison.second.view") == page.evaluate("comparison.first.view")
    assert page.evaluate("comparison.second.display") == page.evaluate("comparison.first.display")
    page.evaluate("comparison.first.setCursor({column: 5, row: 6})")
    assert page.evaluate("[comparison.second.cursor.column, comparison.second.cursor.row]") == [5, 6]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_problem_of_accessibility(show, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = show(encode_section(_halves()), encode_section(_halves()), script=COMPARISON, color_scheme=scheme)
    page.add_style_tag(content="@media (prefers-color-scheme: dark) { body { background: #121416; color: #eee; } }")
    report = axe.Axe().run(page)
    assert report.violations_count == 0, report.generate_report()


SPEED = """() => { const times = []; const {width, height} = viewer.section;
  for (let k = 0; k < 40; k++) {
    const x0 = width * (0.1 + 0.01 * k);
    viewer.setView({x0, x1: x0 + width * SHARE, y0: 0, y1: height});
    const start = performance.now(); viewer.draw(); viewer.base.getContext("2d").getImageData(0, 0, 1, 1);
    times.push(performance.now() - start); }
  return Math.min(...times); }"""


@pytest.mark.slow
@pytest.mark.usefixtures("quiet_machine")
@pytest.mark.parametrize(("shape", "share"), [((2000, 2000), 0.59), ((1500, 20000), 0.5), ((1500, 20000), 0.05)])
def test_a_redraw_takes_less_than_a_frame(browser, tmp_path, shape, share):
    """The fastest of 40 views, because other work on the machine only makes them slower."""
    script = (
        f"const samples = new Int16Array({shape[0] * shape[1]}); let seed = 1; "
        "for (let i = 0; i < samples.length; i++) samples[i] = seed = (seed * 1103515245 + 12345) | 0;"
        f"const payload = {{shape: [{shape[0]}, {shape[1]}], dtype: 'int16', limit: 1, "
        "down: {name: 'time', unit: 'ms', first: 0, step: 4}, across: {name: 'trace', first: 1, step: 1}};"
        "host.style.width = '1290px'; host.style.setProperty('--sd-height', '852px');"
        "window.viewer = new SectionViewer(host, {section: new Section(payload, samples.buffer)});"
    )
    with opened(browser, write_page(tmp_path, script), viewport={"width": 1400, "height": 1000}) as page:
        page.wait_for_function("window.viewer")
        milliseconds = page.evaluate(SPEED.replace("SHARE", str(share)))
    assert milliseconds < 16

"""The pages of results: they open from disk, load nothing else, and show what the arrays hold."""

import base64
import json
import zlib

import numpy as np
import pytest

from chromium import chromium, opened, wait_for_frames, wait_until
from seisdream.cli.command import command, option
from seisdream.results.comparison import compare_results
from seisdream.results.result_page import MOST_SAMPLES
from seisdream.seismic.sections import make_section

HOSTILE = "</script><script>window.owned=1</script>"


def data_of(folder):
    page = (folder / "index.html").read_text(encoding="utf-8")
    return json.loads(page.partition('id="data">')[2].partition("</script>")[0])


def samples_of(payload):
    values = np.frombuffer(zlib.decompress(base64.b64decode(payload["samples"])), "<i2").reshape(payload["shape"])
    return values * (payload["limit"] / 32767)


def test_the_page_of_a_dream_holds_both_sections_and_its_record(make_dream, section, tmp_path):
    make_dream(section).save(tmp_path / "out")
    data = data_of(tmp_path / "out")
    np.testing.assert_allclose(samples_of(data["before"]), section, atol=1e-3)
    np.testing.assert_allclose(samples_of(data["after"][0]["section"]), section + 1, atol=1e-3)
    assert data["credit"] == ["Someone", "CC0"]
    assert data["notes"] == ["a note"]
    assert dict(data["settings"])["Layer"] == "bank"
    assert data["code"] == [], "an input that was made in Python has no name"


def test_a_page_may_load_and_run_nothing_but_what_it_holds(make_dream, tmp_path):
    make_dream(make_section(np.eye(12), dt_ms=4.0, source=HOSTILE, credit=HOSTILE)).save(tmp_path / "out")
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    policy = page.partition('Content-Security-Policy" content="')[2].partition('"')[0]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert HOSTILE not in page
    assert data_of(tmp_path / "out")["credit"] == [HOSTILE]


def test_a_large_section_is_averaged_and_a_note_states_it(make_dream, tmp_path):
    n_traces = 2 * MOST_SAMPLES // 100
    line = make_section(np.repeat(np.arange(n_traces) + 1, 100).reshape(n_traces, 100).T.astype(float), dt_ms=4.0)
    make_dream(line, level_images=[]).save(tmp_path / "out")
    data = data_of(tmp_path / "out")
    assert data["before"]["shape"] == [100, n_traces // 2]
    np.testing.assert_allclose(samples_of(data["before"])[0, :3], [1.5, 3.5, 5.5], atol=0.2)
    assert f"100 × {n_traces} samples" in data["notes"][-1]
    assert "spectra are those of the samples" in data["notes"][-1]


def test_notes_on_a_page_name_the_options_of_the_command_that_made_it(make_dream, section, tmp_path):
    dream = make_dream(section)
    dream.notes = ["Use `step_size=2.0`."]
    dream.save(tmp_path / "python")

    @command("make", examples={})
    @option("--step-size", type=float)
    def make(step_size):
        dream.save(tmp_path / "command")

    make.main([], standalone_mode=False)
    notes = [data_of(tmp_path / name)["notes"] for name in ("python", "command")]
    assert notes == [["Use `step_size=2.0`."], ["Use --step-size 2.0."]]


@pytest.fixture(scope="module")
def browser():
    with chromium() as one:
        yield one


def test_keys_show_the_difference_and_the_readout_its_value(browser, make_dream, section, tmp_path):
    make_dream(section.assign_attrs(source=HOSTILE)).save(tmp_path / "out")
    with opened(browser, (tmp_path / "out" / "index.html").as_uri()) as page:
        wait_until(page, "document.querySelector('.sd-stage')")
        page.focus(".sd-stage")
        for key in ("d", "c"):
            page.keyboard.press(key)
        wait_until(page, "/\\b1$/.test(document.querySelector('.sd-readout').textContent.trim())")
        assert page.evaluate("window.owned ?? null") is None
        page.set_viewport_size({"width": 360, "height": 640})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


GREYS = """() => { const canvas = document.querySelector(".sd-base"); const {width, height} = canvas;
  const pixels = canvas.getContext("2d").getImageData(0, height / 2, width, 1).data;
  return [...pixels].filter((_, i) => i % 4 === 0); }"""


def test_the_wipe_of_a_comparison_changes_what_lies_between_its_places(browser, make_dream, section, tmp_path):
    for name, gain in (("louder", 1.5), ("opposite", -1.5)):
        dream = make_dream(section)
        dream.dataset["dream"] = (gain * section).assign_attrs(section.attrs)
        dream.save(tmp_path / name)
    compare_results([tmp_path / "louder", tmp_path / "opposite"], section=section).save(tmp_path / "out")
    with opened(browser, (tmp_path / "out" / "index.html").as_uri()) as page:
        wait_until(page, "document.querySelector('.sd-base')?.width > 400")
        assert "-1.000" in page.inner_text("table").replace("\N{MINUS SIGN}", "-")
        slider = page.locator(".sd-comparison input[type='range']")
        slider.focus()
        lines = []
        for key in ("Home", "End"):
            page.keyboard.press(key)
            wait_for_frames(page)
            lines.append(np.array(page.evaluate(GREYS)))
        # Beside the axes and the colour bar, which stay, one polarity is the other reversed.
        first, last = (line[len(line) // 4 : 3 * len(line) // 4].astype(float) for line in lines)
        assert np.corrcoef(first, last)[0, 1] < -0.95

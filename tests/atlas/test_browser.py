"""The pages of an atlas in a headless browser: they draw what hostile names say, and run nothing of it."""

import json

import numpy as np
import pytest

from chromium import chromium, wait_until
from seisdream.atlas.build import build_atlas
from seisdream.models.registry import load_network
from seisdream.representations.concepts import concepts
from seisdream.seismic.sections import make_section
from trained_files import write_unet

NAMES = ("</script><script>window.owned=1</script>", "<img src=x onerror=window.owned=1>", "=1+1", "a\u202eb")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    parent = tmp_path_factory.mktemp("atlas")
    network = load_network(str(write_unet(parent / "<b>&.safetensors", NAMES, widths=(4, 4))))
    network.colours = ("#d9a441", "red;background-image:url(scene.webp)", "#9fc78b", "#2e4a7d")
    section = make_section(np.random.default_rng(0).normal(size=(60, 50)).astype(np.float32))
    found = concepts(network, section, layer="enc1", concepts=len(NAMES), control=False, dreams=False)
    found.rename(dict(enumerate(NAMES)))
    found.save(parent / "concepts")
    how = {"layers": ("enc1", "logits"), "size": 32, "steps": 1, "patches": 2, "concepts": str(parent / "concepts")}
    build_atlas(network, section, parent / "atlas", **how)
    return parent / "atlas"


@pytest.mark.slow
def test_pages_run_only_their_own_scripts_and_draw_names_as_text(folder):
    with chromium() as engine:
        browser = engine.new_page()
        browser.goto((folder / "index.html").as_uri())
        wait_until(browser, "document.querySelectorAll('.card').length >= 8")
        assert browser.evaluate("document.getElementById('network').textContent") == "<b>&.safetensors"
        titles = browser.evaluate("[...document.querySelectorAll('.concept h3')].map(one => one.textContent)")
        assert titles == list(NAMES)
        assert browser.evaluate("document.querySelector('.concept h3 a').hash") == "#concept:enc1/0"
        assert browser.evaluate("document.querySelector('.concept .note a').hash").startswith("#enc1/")
        assert "scene" not in browser.evaluate(
            "() => { location.hash = '#logits/0'; window.dispatchEvent(new Event('hashchange'));"
            "return [...document.querySelectorAll('.bars span')].map(one => one.style.cssText).join() }"
        )
        wait_until(browser, "document.querySelectorAll('.contributions th').length")
        rows = browser.evaluate("[...document.querySelectorAll('.contributions th')].map(one => one.textContent)")
        assert set(rows) == set(NAMES)
        # Its own pictures load; code in the page, and anything from elsewhere, does not.
        browser.evaluate(
            "() => { window.loaded = []; window.refused = [];"
            "document.addEventListener('securitypolicyviolation', one => refused.push(one.effectiveDirective));"
            "const own = new Image(); own.onload = () => loaded.push('own'); own.src = 'scene.webp';"
            "const code = document.createElement('script'); code.textContent = 'window.owned = 2';"
            "document.body.append(code);"
            "document.body.setAttribute('style', 'color: red');"
            "const far = new Image(); far.src = 'http://127.0.0.1:9/x.png'; }"
        )
        wait_until(browser, "loaded.length === 1 && refused.length >= 3")
        assert browser.evaluate("window.owned ?? null") is None
        refused = set(browser.evaluate("refused"))
        assert {"script-src-elem", "style-src-attr", "img-src"} <= refused
        picture = browser.evaluate("getComputedStyle(document.querySelector('.picture')).backgroundImage")
        assert picture.startswith('url("file:')


def test_the_files_of_an_atlas_have_no_inline_code_and_no_formulas(folder):
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "unsafe-inline" not in page
    assert "<script>" not in page
    assert " style=" not in page
    front = json.loads((folder / "data" / "atlas.js").read_text(encoding="utf-8").partition(" = ")[2].rstrip(";\n"))
    assert front["colours"].count("") == 1
    assert "\n=1" not in (folder / "channels.csv").read_text() + "\n"
    assert ",=1+1" not in (folder / "channels.csv").read_text()

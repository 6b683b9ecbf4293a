"""Draw the pictures of the documentation: one of F3 inline 362 (TNO and dGB Earth Sciences, CC BY-SA), and those of
line 31-81 (U.S. Geological Survey, public domain).

    python docs/draw_pictures.py [SHARED] [--only NAME ...]

SHARED is the folder that holds data/31_81_PR.sgy and weights/bvlc_googlenet.safetensors, by default ../shared beside
the project. Each function below draws docs/pictures/NAME.png. A dream is chaotic, so another machine or another
version of PyTorch draws other animals in the same places.
"""

import argparse
import io
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

import seisdream as sd
from seisdream.io.masks import open_mask
from seisdream.seismic.sections import GreyMapping

PICTURES = Path(__file__).parent / "pictures"
SHARED = Path(__file__).parents[2] / "shared"


@cache
def line():
    return sd.open_section(SHARED / "data" / "31_81_PR.sgy")


@cache
def network(name):
    weights = SHARED / "weights" / "bvlc_googlenet.safetensors" if name == "googlenet" else None
    return sd.load_network(name, weights=weights)


@cache
def run(name, layer=None, mask=None, **settings):
    """Dream on the whole line, as `seisdream dream` does with the same options."""
    mask = None if mask is None else open_mask(mask, line())
    return sd.dream(line(), network(name), layer, mask=mask, **settings)


def view(section, times, traces=(1, 534)):
    """Return a window of a section as grey levels, clipped as the whole line is."""
    shown = section.sel(time=slice(*times), trace=slice(*traces))
    grey = shown.values if section.ndim == 3 else GreyMapping.of(line()).to_grey(shown.values)
    return grey.clip(0, 255).astype(np.uint8)


def at_level(dream, level, times):
    inside = (line().time >= times[0]) & (line().time <= times[1])
    return dream.level_images[level - 1][inside.values]


def draw_panels(panels, times, *, size=(260, 400), traces=None):
    """Return a figure of panels (title: grey levels) side by side, each of a size in pixels, with one time axis."""
    left, right, top, bottom, gap = 66, 12, 26, 42, 16
    width = left + len(panels) * (size[0] + gap) - gap + right
    height = top + size[1] + bottom
    figure = Figure(figsize=(width / 100, height / 100), dpi=100)
    first, last = traces or (1, line().sizes["trace"])
    for place, (title, pixels) in enumerate(panels.items()):
        x = left + place * (size[0] + gap)
        axes = figure.add_axes((x / width, bottom / height, size[0] / width, size[1] / height))
        axes.imshow(
            pixels,
            cmap="gray",
            vmin=0,
            vmax=255,
            aspect="auto",
            extent=(first - 0.5, last + 0.5, times[1], times[0]),
            interpolation="none" if pixels.shape[:2] == size[::-1] else "antialiased",
        )
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_xlabel("Trace", fontsize=9)
        axes.tick_params(labelsize=8)
        if place:
            axes.set_yticklabels([])
        else:
            axes.set_ylabel("Time (ms)", fontsize=9)
    return figure


def save(figure, name, *, dpi=100):
    """Write a figure: without colours as 8-bit grey PNG, otherwise as JPEG of high quality, as photographs are."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi)
    picture = Image.open(drawn).convert("RGB")
    if np.ptp(np.asarray(picture), axis=-1).any():
        path = PICTURES / f"{name}.jpg"
        picture.save(path, quality=92, subsampling=0, optimize=True)
    else:
        path = PICTURES / f"{name}.png"
        picture.convert("L").save(path, optimize=True)
    print(f"{path}: {picture.width} × {picture.height}, {path.stat().st_size // 1000} kB", flush=True)


def dream_f3():
    """Draw the opening picture: a line, dreamed by a network of photographs and by one of seismic."""
    section = sd.open_section(SHARED / "data" / "f3_inline362.npz").isel(time=slice(14, None))  # below the mute
    mapping = GreyMapping.of(section)
    panels = {
        "F3 inline 362, as recorded": mapping.to_grey(section.values),
        "A dream of GoogLeNet, a network trained on photographs": sd.dream(
            section, network("googlenet"), colour=True, steps=20
        ).level_images[-1],
        "A dream of facies-robust, a network trained on seismic facies": mapping.to_grey(
            sd.dream(section, network("facies-robust")).dream.values
        ),
    }
    figure = Figure(figsize=(10.4, 13.8), dpi=100, layout="constrained")
    rows = figure.subplots(len(panels), 2, width_ratios=(60, 1))
    times, crosslines = section.time.values, section.crossline.values
    extent = (crosslines[0] - 0.5, crosslines[-1] + 0.5, times[-1] + 2.0, times[0] - 2.0)
    for (axis, bar), (title, pixels) in zip(rows, panels.items(), strict=True):
        drawn = axis.imshow(
            pixels, cmap="gray", vmin=0, vmax=255, aspect="auto", extent=extent, interpolation="antialiased"
        )
        axis.set_title(title, loc="left", fontsize=13)
        axis.set_ylabel("Time (ms)")
        if pixels.ndim == 2:
            amplitudes = np.array([-5000, 0, 5000])
            figure.colorbar(drawn, cax=bar, label="Amplitude", ticks=mapping.to_grey(amplitudes.astype(np.float32)))
            bar.set_yticklabels([f"{value:g}".replace("-", "−") for value in amplitudes])
        else:
            bar.set_axis_off()
    rows[-1][0].set_xlabel("Crossline")
    save(figure, "dream-f3")


def dream_31_81():
    """Draw a window of the line, dreamed by a network of photographs and by one of seismic."""
    times = (1552.0, 2952.0)
    window = line().sel(time=slice(*times)).isel(trace=slice(24, 524))
    panels = {}
    for title, name, settings in (
        ("A line from Alaska, recorded in 1981 …", "gabor", {"steps": 0}),
        ("… what GoogLeNet, trained on photos, sees in it …", "googlenet", {"steps": 20, "colour": True}),
        ("… and what facies-robust, trained on seismic, sees", "facies-robust", {}),
    ):
        panels[title] = sd.dream(window, network(name), **settings).level_images[-1]
    figure = draw_panels(panels, times, size=(500, window.sizes["time"]), traces=(25, 524))
    save(figure, "dream-31-81")


def gabor():
    save(run("gabor", preset="2015").plot(), "gabor", dpi=66)


def googlenet():
    times = (0, 6000)
    panels = {
        "Before": line(),
        "GoogLeNet": run("googlenet").dream,
        "GoogLeNet, --colour": run("googlenet", colour=True).dream,
    }
    save(draw_panels({k: view(v, times) for k, v in panels.items()}, times, size=(250, 600)), "googlenet")


def levels():
    times = (3000, 5400)
    dream = run("googlenet", colour=True, levels=8)
    save(draw_panels({f"Level {n}": at_level(dream, n, times) for n in (1, 2, 4, 8)}, times, size=(220, 400)), "levels")


def layers():
    times, traces = (3000, 4116), (301, 500)
    names = ("conv2/3x3", "inception_3b/output", "inception_4c/output", "inception_5a/output")
    panels = {
        name: view(run("googlenet", name, colour=True, allow_undersized=True).dream, times, traces) for name in names
    }
    save(draw_panels(panels, times, size=(240, 336), traces=traces), "layers")


def seeds():
    times = (3000, 5400)
    dreams = [run("googlenet", seed=seed).dream for seed in (0, 1, 2)]
    mean = line().copy(data=sum(dream.values for dream in dreams) / 3)
    panels = {f"--seed {seed}": dream for seed, dream in enumerate(dreams)} | {"Mean of the three": mean}
    save(draw_panels({k: view(v, times) for k, v in panels.items()}, times, size=(220, 400)), "seeds")


def channel_and_mask():
    times, traces = (1900, 2996), (141, 390)
    panels = {
        "inception_4c/output:117": run("googlenet", "inception_4c/output:117", colour=True),
        "class:king snake": run("googlenet", "class:king snake", colour=True),
        "--mask time=2250:2800": run("googlenet", mask="time=2250:2800", colour=True),
    }
    panels = {title: view(dream.dream, times, traces) for title, dream in panels.items()}
    save(draw_panels(panels, times, size=(300, 330), traces=traces), "channel-and-mask")


DRAWN = {
    function.__name__.replace("_", "-"): function
    for function in (dream_f3, dream_31_81, gabor, googlenet, levels, layers, seeds, channel_and_mask)
}


def main():
    global SHARED
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", nargs="?", type=Path, default=SHARED)
    parser.add_argument("--only", nargs="+", choices=DRAWN, default=list(DRAWN))
    options = parser.parse_args()
    SHARED = options.shared
    PICTURES.mkdir(exist_ok=True)
    with matplotlib.rc_context({"font.family": "sans-serif"}):
        for name in options.only:
            DRAWN[name]()


if __name__ == "__main__":
    main()

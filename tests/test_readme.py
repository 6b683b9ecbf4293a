"""README's commands do what they say: each block runs as it stands, on files with the names that it uses."""

import os
import re
import subprocess
import sys
from functools import reduce
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import seisdream
from segy_files import make_segy, numbered
from seisdream.synthetic import generate_sections

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHELL = re.findall(r"^```sh\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
PYTHON = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
MAKE = [block for block in SHELL if block.startswith("make ")]
COMMANDS = [block for block in SHELL if block not in MAKE]


def write_volume(folder, shared, side):
    """Write three equal inlines of a part of F3 as volume.sgy, and return one."""
    inline = np.load(shared / "data" / "f3_inline362.npz")["amplitude"][60:, 200:][:side, :side].astype(np.float32)
    words = numbered([361, 362, 363], np.arange(300, 300 + side))
    make_segy(folder / "volume.sgy", np.concatenate([inline.T] * 3), words=words)
    return inline


@pytest.fixture(scope="module")
def files(shared, tmp_path_factory):
    """A folder of what README's reader has: a line, a volume, a picture, labels, and a network."""
    folder = tmp_path_factory.mktemp("readme")
    line = seisdream.open_section(shared / "data" / "31_81_PR.sgy").values
    # Dreams of classes need a line as large as their receptive field, 377 samples; others hold trace 300 and 1660 ms.
    for name, n_samples, n_traces in (("large.sgy", 380, 380), ("line.sgy", 192, 304)):
        make_segy(folder / name, np.ascontiguousarray(line[: 2 * n_samples : 2, :n_traces].T), dt_us=10_000)
    inline = write_volume(folder, shared, 304)
    grey = np.uint8(np.clip(127.5 + inline / np.percentile(np.abs(inline), 99) * 127.5, 0, 255))
    Image.fromarray(grey[:, :, None].repeat(3, axis=2)).save(folder / "picture.png")

    (folder / "my-labels").mkdir()
    for number, earth in enumerate(generate_sections(4, 12)):
        labels = np.uint8(earth.facies.values == 9)
        arrays = {"amplitude": earth.seismic.values, "labels": labels}
        np.savez(folder / "my-labels" / f"inline_{300 + 30 * number}.npz", **arrays)

    (folder / "my_nets.py").write_text(
        "from torch import nn\n\n\ndef make_unet():\n"
        "    return nn.Sequential(nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1))\n",
        encoding="utf-8",
    )
    torch.manual_seed(0)
    layers = torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 5, padding=2), torch.nn.ReLU(), torch.nn.Conv2d(8, 3, 3, padding=1)
    )
    torch.save(layers.state_dict(), folder / "unet.pt")
    (folder / "classes.txt").write_text("shale\nsand\nsalt\n", encoding="utf-8")
    return folder


def run(block, folder, shared):
    """Run a block as a shell script.

    Networks that would be downloaded take their weights from the shared data. The numbers of steps, levels, channels
    and sections are smaller.
    """
    weights = shared / "weights" / "bvlc_googlenet.safetensors"
    changes = {
        "--network googlenet --levels 8": f"--network googlenet --weights {weights} --levels 2 --steps 2",
        "--data generated": "--data generated --sections 4",
        "--layers enc5": "--layers enc5 --channels-at-most 4",
        "--steps 300": "--steps 20",
    }
    if "--layer class:" in block:
        changes["line.sgy"] = "large.sgy"
    script = reduce(lambda text, change: text.replace(*change), changes.items(), block)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT / "src"), "PYTHONWARNINGS": "default"}
    return subprocess.run(
        ["bash", "-e", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize("block", COMMANDS, ids=lambda block: block.split("\n")[0].split("#")[0].strip())
def test_commands_run_as_they_stand(block, files, shared):
    done = run(block, files, shared)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("block", PYTHON, ids=["python"])
def test_python_runs_as_it_stands(block, shared, tmp_path, monkeypatch):
    write_volume(tmp_path, shared, 380)
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {"__name__": "__main__"})
    assert (tmp_path / "clinoforms-362" / "dream-figure.png").is_file()


def test_make_has_the_targets_that_readme_names():
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = re.findall(r"^make ([a-z-]+)", "".join(MAKE), re.MULTILINE)
    assert named
    assert set(named) <= targets


def test_readme_fits_on_a_page_and_tells_nobody_to_install_what_is_not_published():
    assert len(README.splitlines()) <= 130
    assert "pip install seisdream" not in README


def test_the_citation_names_the_version():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.+)$", citation, re.MULTILINE)[1] == seisdream.__version__

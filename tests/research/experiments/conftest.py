"""Experiments as ``--quick`` runs them."""

import json

import pytest

from seisdream.research.experiments.base import find_experiment, run_experiment


@pytest.fixture(scope="module")
def quick_run(shared, tmp_path_factory):
    """A function that makes a quick run or a smaller one, on real data where it accepts them.

    It returns the results and the folder."""

    def run(name, size=None):
        inputs = {"line": str(shared / "data" / "f3_inline362.npz")} if "line" in find_experiment(name).inputs else {}
        if name == "facies":
            inputs["photos"] = str(shared / "weights" / "bvlc_googlenet.safetensors")
        folder = tmp_path_factory.mktemp("run") / name
        results, files = run_experiment(name, folder, is_quick=True, size=size, inputs=inputs)
        written = json.loads((folder / "results.json").read_text("utf-8"))
        assert written.pop("written")["by"] == "seisdream"
        assert results == written
        assert {path.name for path in files} == {path.name for path in folder.iterdir()}
        assert results["command"].startswith(f"seisdream experiment {name} --quick")
        return results, folder

    return run

"""Every experiment as ``--quick`` runs it, in half a minute to two minutes each."""

import json

import pytest

from seisdream.research.experiments.base import MODULES, find_experiment, run_experiment


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
def test_a_quick_run_writes_its_results_and_page(name, shared, tmp_path):
    inputs = {"line": str(shared / "data" / "f3_inline362.npz")} if "line" in find_experiment(name).inputs else {}
    if name == "facies":
        inputs["photos"] = str(shared / "weights" / "bvlc_googlenet.safetensors")
    results, files = run_experiment(name, tmp_path / name, is_quick=True, inputs=inputs)
    written = json.loads((tmp_path / name / "results.json").read_text("utf-8"))
    assert written.pop("written")["by"] == "seisdream"
    assert results == written
    assert {"page.md", "results.json"} < {path.name for path in files}
    assert results["command"].startswith(f"seisdream experiment {name} --quick")

"""The notebooks run from top to bottom, offline, and are committed without outputs."""

import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_committed_without_outputs(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    assert [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Jupyter's own.
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run(notebook, tmp_path):
    """With fewer steps, and where no class is dreamed, on a smaller section."""
    import nbformat
    from nbclient import NotebookClient

    text = notebook.read_text(encoding="utf-8").replace("steps=5", "steps=1")
    if "class:" not in text:
        text = text.replace("sample:built-in", "noise:160x200")
    run = nbformat.reads(text, as_version=4)
    NotebookClient(run, timeout=600, resources={"metadata": {"path": tmp_path}}).execute()

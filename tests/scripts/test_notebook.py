"""The notebook, run as Jupyter runs it."""

from __future__ import annotations

import pytest
from support.project import PROJECT

pytestmark = pytest.mark.exhaustive

NOTEBOOK = PROJECT / "examples" / "memorization.ipynb"
WHY = "no Jupyter kernel is installed (optional extra [notebook])"


def test_it_trains_and_draws(tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient", reason=WHY)
    pytest.importorskip("ipykernel", reason=WHY)
    import nbformat

    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    client = nbclient.NotebookClient(
        notebook, timeout=3600, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    told = "".join(output.get("text", "") for output in outputs)
    assert "0% of the labels replaced: training error" in told
    # Learnt by heart: nine of ten would be wrong.
    random = told.split("100% of the labels replaced: training error ")[1]
    assert float(random.partition("%")[0]) < 20
    assert [1 for output in outputs if "image/png" in output.get("data", {})]
    assert not [output for output in outputs if output.get("name") == "stderr"]

"""A folder of concepts as `seisdream concepts` writes it, without the time to find them."""

import numpy as np

from seisdream.io.concept_vectors import write_concept_vectors
from seisdream.io.written_files import record_of
from seisdream.models.registry import load_network
from seisdream.provenance import make_provenance
from seisdream.representations.concept_settings import ConceptSettings
from seisdream.seismic.sections import make_section
from seisdream.settings import to_json


def write_concepts(folder, network, layer, names):
    """Write concepts of random directions; return the directions."""
    network = load_network(network) if isinstance(network, str) else network
    n_channels = network.layer(layer).n_channels
    directions = np.random.default_rng(0).random((len(names), n_channels)).astype(np.float32)
    folder.mkdir(parents=True)
    np.save(folder / "directions.npy", directions)
    np.save(folder / "patches.npy", np.full((len(names), 1, 16, 16), 128, np.uint8))
    write_concept_vectors(folder / "directions.npz", {str(number): one for number, one in enumerate(directions)})
    section = make_section(np.ones((8, 8), np.float32), dt_ms=4.0)
    record = make_provenance(
        kind="concepts", settings=ConceptSettings(layer=layer), section=section, network=network
    )  # fmt: skip
    record |= {
        "result": {"layer": layer},
        "concepts": [
            {"number": number, "name": name, "share": 0.25, "halves": 0.5, "channels": [[0, 1.0]]}
            for number, name in enumerate(names)
        ],
        "arrays": {
            name: {"file": f"{name}.npy", "dims": dims, "attrs": {}}
            for name, dims in (
                ("directions", ["concept", "channel"]),
                ("patches", ["concept", "patch", "row", "column"]),
            )
        },
        "axes": {},
        **record_of("*.np?"),
    }
    (folder / "concepts.json").write_text(to_json(record), encoding="utf-8")
    return directions

"""Find the concepts of a layer over a survey, and measure what is known of each."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from seisdream.channels.channel_attribution import classes_of_inputs
from seisdream.errors import SeisdreamError
from seisdream.models.network import Network
from seisdream.models.prepared import PreparedNetwork, resolve_device
from seisdream.models.randomization import with_random_weights
from seisdream.models.registry import as_network
from seisdream.provenance import make_provenance
from seisdream.representations.concept_settings import AUTO, ConceptSettings
from seisdream.representations.description import Description, describe
from seisdream.representations.dreams import STEPS
from seisdream.representations.factorise import N_CONCEPTS, Factorisation
from seisdream.representations.likeness import LabelledUnits, labelled_units
from seisdream.representations.network import ConceptNetwork
from seisdream.representations.reproducibility import best_number
from seisdream.representations.survey import Survey
from seisdream.results.concept_result import RANDOM, ConceptResult, load_concepts

Progress = Callable[[str, int, int], None]


def concepts(
    network: Network | str,
    data: Any,
    *,
    settings: ConceptSettings | None = None,
    input_options: dict[str, Any] | None = None,
    progress: Progress = lambda step, done, total: None,
    **overrides: Any,
) -> ConceptResult:
    """Find concepts: directions in a layer whose sums, with strengths of 0 or more, are its activations over a survey.

    By non-negative matrix factorisation (Fel and others, "CRAFT", CVPR 2023). The survey is read in one pass, line by
    line, and a sample of its units is kept. Of a layer with negative activations, the positive and the negative parts
    are factorised as channels of their own.

    Parameters
    ----------
    network : Network or str
        A network or its name; for sections or for cubes.
    data : path, DataArray, Volume or sequence of DataArray
        A volume, whose inlines are used, a section, or several sections.
    settings : ConceptSettings, optional
        All settings.
    input_options : dict, optional
        How a file is opened, as for `seisdream.open_section`.
    progress : callable, optional
        Called with the step (``lines``, ``dreams``), how much of it is done, and how much there is.
    **overrides
        Fields of `ConceptSettings`: ``layer``, ``concepts``, ``every``, ``percentile``, ``units``, ``seed``,
        ``control``, ``labels``, ``labelled_sections``, ``dreams``, ``patches``, ``device``.

    Returns
    -------
    ConceptResult
        With the directions, maps, patches and dreams of the concepts, and what was measured of each.

    Raises
    ------
    SeisdreamError
        If the layer does not exist (``unknown-name``), its units have no positions (``not-supported``), it is inactive
        (``no-signal``), or a keyword does not exist (``unknown-argument``).

    Examples
    --------
    >>> import seisdream as sd
    >>> found = sd.concepts("gabor", sd.open_section("sample:built-in"), concepts=4, dreams=False, control=False)
    >>> found.dataset["directions"].dims
    ('concept', 'channel')
    """
    settings, network = ConceptSettings.of(settings, overrides), as_network(network)
    device = resolve_device(settings.device, network)
    layer = settings.layer or network.default_layer
    settings = settings.replace(device=device, layer=layer)
    how: dict[str, Any] = {"every": settings.every, "percentile": settings.percentile, **(input_options or {})}
    if settings.labels is not None:
        network.require_sections()
    survey = Survey(data, PreparedNetwork(network, device), **how)
    networks = [survey.prepared, *([PreparedNetwork(with_random_weights(network), device)] if settings.control else [])]
    each_units = survey.sample(
        layer, settings.units, settings.seed, networks[1:], lambda done, total: progress("lines", done, total)
    )
    result: dict[str, Any] = {"layer": layer, "n_lines": len(survey), "n_units": len(each_units[0])}
    number = settings.concepts
    if number == AUTO:
        number, result["agreement_by_number"] = best_number(each_units[0], settings.seed)
    n_concepts = min(N_CONCEPTS, each_units[0].activations.shape[1]) if number is None else int(number)
    labelled: Sequence[LabelledUnits | None] = [None] * len(networks)
    if settings.labels is not None:
        labelled = labelled_units(networks, layer, settings.labels, settings.labelled_sections)
    classes = classes_of_inputs(network, survey.inputs(survey.prepared))
    on_step = _counter(progress, "dreams", len(networks) * n_concepts * STEPS)
    middle = len(survey) // 2
    line = survey.line(middle)

    def described(which: int) -> Description:
        return describe(
            networks[which], each_units[which], survey, settings, n_concepts, line=line, classes=classes,
            labelled=labelled[which], on_step=on_step,
        )  # fmt: skip

    found = described(0)
    result |= found.summary
    dataset, rows = found.dataset, {"concepts": found.rows}
    if settings.control:
        try:
            random = described(1)
        except SeisdreamError as error:  # A layer of random weights may be silent.
            result["random"] = {"problem": str(error)}
        else:
            result["random"] = random.summary
            # It may have negative activations where the network has none, and fewer patches.
            own = ("part", "patch", *random.dataset)
            dataset = dataset.merge(random.dataset.rename({str(one): f"{RANDOM}_{one}" for one in own}))
            rows["random_concepts"] = random.rows
    notes = _notes(found.factorisation, survey, layer)
    provenance = make_provenance(
        kind="concepts", settings=settings, section=line, network=network, grey_mapping=survey.mapping(middle),
        result=result | {"is_signed": found.factorisation.is_signed}, notes=notes,
    )  # fmt: skip
    if isinstance(data, str | os.PathLike):
        provenance["input"] |= {"source": os.fspath(data), "options": input_options or {}}
    elif isinstance(data, list | tuple):
        provenance["input"] |= {"source": None}
    return ConceptResult(dataset, provenance | rows, notes, line)


def open_concepts(concepts: ConceptResult | str | os.PathLike[str], network: Network | str) -> ConceptNetwork:
    """Return a network that maps concepts as others map classes; `seisdream.predict` takes it.

    Parameters
    ----------
    concepts : ConceptResult or path
        Of `seisdream.concepts`, or the folder that it was saved to.
    network : Network or str
        The network that they were found in.

    Raises
    ------
    SeisdreamError
        If the folder holds no concepts (``not-ours``), or they are of another network (``incompatible``).
    """
    network = as_network(network)
    if isinstance(concepts, ConceptResult):
        result, folder = concepts, None
        result.require_network(network)
    else:
        result, folder = load_concepts(concepts, network), os.fspath(concepts)
    known = result.provenance["result"]
    parts = np.asarray(result.dataset["parts"].values, np.float32)
    found = Factorisation(parts, bool(known["is_signed"]), float(known["explained"]))
    return ConceptNetwork(network, known["layer"], found, result.names, folder)


def _notes(found: Factorisation, survey: Survey, layer: str) -> list[str]:
    notes = list(survey.network.notes)
    if found.is_signed:
        notes.append(
            f"Activations of '{layer}' are negative in places: its positive and its negative parts were factorised as "
            "channels of their own."
        )
    return notes


def _counter(progress: Progress, step: str, total: int) -> Callable[[int], None]:
    done = [0]

    def count(n: int) -> None:
        done[0] += n
        progress(step, min(done[0], total), total)

    return count

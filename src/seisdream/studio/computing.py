"""What a runner does: dreams, predictions, attributions, controls and volume jobs, as the command line does them."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisdream.attribution.attributor import Attributor
from seisdream.attribution.settings import AttributionSettings
from seisdream.dreaming.dream import Dream
from seisdream.dreaming.frames import FilmRecorder, encode_dream, section_of
from seisdream.dreaming.loop import NonFiniteStepError
from seisdream.dreaming.settings import DreamSettings
from seisdream.inference.prediction_settings import PredictionSettings
from seisdream.inference.predictor import Predictor
from seisdream.plotting.classes import colours_of
from seisdream.results.commands import command_of, python_of
from seisdream.results.dream_result import DreamResult
from seisdream.results.load import load_result
from seisdream.results.prediction_writer import write_section_prediction
from seisdream.results.result import Result
from seisdream.seismic.sections import absent_samples, fill_absent
from seisdream.seismic.spectrum import amplitude_spectrum
from seisdream.significance.permutation import PermutationTest
from seisdream.significance.settings import ControlSettings
from seisdream.studio.control import Control, StoppedError
from seisdream.studio.frames import FrameWriter
from seisdream.studio.requests import Requests, check_length, public_values, write_mask
from seisdream.studio.run_files import ARRAYS, COMMANDS, FRAMES, MASK, RESULT, SPECTRA
from seisdream.studio.sources import Sources
from seisdream.viewer.encoding import encode_classes, encode_section

_SMALLEST_DB = -120.0
_FIRST_SECTION = "sample:built-in"


class Runner:
    """Runs what the page asks for; every task writes to the folder of its run and returns what is in it.

    Parameters
    ----------
    sources : Sources
        What may be opened.
    networks : collection of str
        Networks named on the command line.
    """

    def __init__(self, sources: Sources, networks: frozenset[str]):
        self._requests = Requests(sources, networks)

    def warm(self, *, network: str, control: Control) -> None:
        """Take a step of a dream, so that the first dream begins at once."""
        section = self._requests.open_section(_FIRST_SECTION, {})
        next(Dream(section, self._requests.open_network(network)).states())

    def dream(self, *, request: Mapping[str, Any], folder: str, control: Control) -> dict[str, Any]:
        """Dream on a section, with frames of the steps."""
        place = Path(folder)
        settings = self._requests.dream_settings(
            request["settings"], request["section"], request["line"], request["network"]
        )
        if (place / MASK).is_file():
            settings = settings.replace(mask=write_mask(json.loads((place / MASK).read_text("utf-8")), place))
        run = self._open_dream(settings)
        check_length(run.n_states)
        section = section_of(run.original)
        control.report(
            "started",
            {
                "settings": run.settings.to_dict(),
                "notes": run.notes,
                "n_states": run.n_states,
                "shape": [int(size) for size in section.shape[:2]],
            },
        )
        frames, recorder = FrameWriter(run, place / FRAMES), FilmRecorder(run)
        stopped, problem = None, None
        states = run.states()
        try:
            for number, state in enumerate(states, start=1):
                has_frame = frames.offer(number, state)
                control.report("step", {**_step(state), "state": number, "frame": has_frame})
                recorder.record(state)
                if number < run.n_states:
                    control.check()
        except StoppedError:
            states.close()
            stopped = "interrupted"
            if not run.n_levels_done:
                raise
        except NonFiniteStepError as error:
            if not run.has_progressed:
                raise
            stopped, problem = "not finite", error
        result = run.result(stopped=stopped, frames=recorder.frames)
        if result.variants:
            arrays = {f"dream-{number}": one.dream for number, one in enumerate(result.variants, start=1)}
        else:
            arrays = {str(name): section_of(one) for name, one in result.dataset.data_vars.items()}
            _write_spectra(place, arrays)
        written = _write_arrays(place, result, arrays, control, absent=absent_samples(section))
        if stopped is None:
            _add_path_check(result, run, control)
        with _noting_warnings(control):
            result.save(place / RESULT, segy="section" if run.volume is None else "none")
        described = _described(place, result, written)
        if problem is not None:
            control.report("note", {"text": str(problem)})
            described["notes"] = [*described["notes"], str(problem)]
        return described | {"stopped": stopped is not None}

    def _open_dream(self, settings: DreamSettings) -> Dream:
        network, path = self._requests.open_network(str(settings.network)), str(settings.input)
        section = None
        if network.n_spatial_dims == 2 and not path.startswith("noise:"):  # Variants of noise begin differently.
            section = self._requests.open_section(path, settings.input_options)
        trusted = self._requests.networks
        return Dream.from_settings(settings, trusted=trusted, network=network, section=section)

    def predict(self, *, request: Mapping[str, Any], folder: str, control: Control) -> dict[str, Any]:
        """Predict the class of every sample of a section."""
        place, section, loaded = Path(folder), self._section(request), self._requests.open_network(request["network"])
        count = _Counter(control, "tiles")
        settings = PredictionSettings(**public_values(PredictionSettings, request["settings"]))
        predictor = Predictor(loaded, settings, on_tile=count).harmonised_with(section)
        count.start(predictor.n_tiles((section.shape[0], section.shape[1])), predictor.settings, section)
        with _noting_warnings(control):
            notes = predictor.notes_on(section)
            write_section_prediction(section, predictor, place / RESULT, notes=notes)
        result = load_result(place / RESULT)
        if len(loaded.colours) == result.dataset.sizes["class"]:  # The folder does not keep them.
            result.dataset = result.dataset.assign_coords(colour=("class", list(loaded.colours)))
        probabilities = result.dataset["probabilities"]
        arrays = {str(name): one for name, one in result.dataset.data_vars.items() if name != "horizons"}
        arrays |= {f"probability-{name}": probabilities.sel({"class": name}) for name in probabilities["class"].values}
        return _described(place, result, _write_arrays(place, result, arrays, control))

    def attribute(self, *, request: Mapping[str, Any], folder: str, control: Control) -> dict[str, Any]:
        """Map how much each sample contributes to a network's output."""
        place, section, loaded = Path(folder), self._section(request), self._requests.open_network(request["network"])
        values = dict(request["settings"])
        at, target = values.pop("at", None), values.pop("target", None)
        settings = AttributionSettings(**public_values(AttributionSettings, values))
        count = _Counter(control, "forward passes")
        attributor = Attributor(
            section,
            loaded,
            self._requests.objective(target) if target else None,
            at=None if at is None else [float(one) for one in at],
            settings=settings,
            on_forward=count,
        )
        count.start(attributor.n_forward, attributor.settings, section)
        from seisdream.plotting.attributions import inside_receptive_field

        result = attributor.result(attributor())
        shown = {"attribution": inside_receptive_field(result.dataset["attribution"])}
        return self._saved(place, result, shown, control)

    def controls(self, *, request: Mapping[str, Any], folder: str, control: Control) -> dict[str, Any]:
        """Test responses against those to surrogates and to untrained networks."""
        place, section, loaded = Path(folder), self._section(request), self._requests.open_network(request["network"])
        values = public_values(ControlSettings, request["settings"])
        if values.get("layer"):
            values["layer"] = self._requests.objective(values["layer"])
        count = _Counter(control, "sections")
        run = PermutationTest(section, loaded, ControlSettings(**values), on_section=count)
        count.start(run.n_evaluations, run.settings, section)
        result = run()
        return self._saved(place, result, result.dataset, control)

    def volume(self, *, request: Mapping[str, Any], folder: str, control: Control) -> dict[str, Any]:
        """Run a job on a whole volume, or go on with one."""
        from seisdream.studio.volume_runs import run_volume

        with _noting_warnings(control):
            return run_volume(request, self._requests, Path(folder), control)

    def _section(self, request: Mapping[str, Any]) -> xr.DataArray:
        return self._requests.open_section(*self._requests.input(request["section"], request["line"]))

    def _saved(
        self, place: Path, result: Result, arrays: Mapping[Any, xr.DataArray], control: Control
    ) -> dict[str, Any]:
        written = _write_arrays(place, result, arrays, control)
        with _noting_warnings(control):
            result.save(place / RESULT)
        return _described(place, result, written)


def _write_arrays(
    place: Path,
    result: Result,
    arrays: Mapping[Any, xr.DataArray],
    control: Control,
    *,
    absent: np.ndarray | None = None,
) -> list[str]:
    """Write the arrays of a result for the viewer, before its files, which take longer; return their names.

    Samples that were absent in the section are absent in its dream, where they are zeros.
    """
    folder, written = place / ARRAYS, []
    folder.mkdir(exist_ok=True)
    for name, values in arrays.items():
        if name == "classes":
            names, colours = [str(one) for one in result.dataset["class"].values], colours_of(result.dataset)
            encoded = encode_classes(values, names, colours)
        elif values.ndim == 2 or (values.ndim == 3 and "colour" in values.dims):
            missing = ~np.isfinite(values.values if values.ndim == 2 else values.values[..., 0])
            if absent is not None and absent.shape == missing.shape:
                missing |= absent
            encode = encode_dream if str(name).startswith("dream") else encode_section
            encoded = encode(values, title=str(name).replace("-", " ").capitalize(), absent=missing)
        else:
            continue
        # Classes of a network may have any name.
        written.append(re.sub(r"[^\w .+-]", "_", str(name)))
        (folder / f"{written[-1]}.bin").write_bytes(encoded.body())
    control.report("computed", {"arrays": written})
    return written


def _add_path_check(result: DreamResult, run: Dream, control: Control) -> None:
    """Check the path of a dream of a class, as the command does, when its picture is already there."""
    if "class:" not in (run.settings.layer or ""):
        return
    # Imported after the dream, whose first step would wait for it.
    from seisdream.significance.path_check import add_path_check

    control.report("progress", {"done": run.n_states, "total": run.n_states, "what": "steps; checking the path"})
    add_path_check(result, run.network)


def _described(place: Path, result: Result, arrays: list[str]) -> dict[str, Any]:
    """Return what a run has when its files are written."""
    commands = {"command": command_of(result.provenance), "python": python_of(result.provenance)}
    (place / COMMANDS).write_text(json.dumps(commands, ensure_ascii=False), encoding="utf-8")
    files = sorted(path for path in (place / RESULT).rglob("*") if path.is_file())
    summary = result.summary()
    return {
        "arrays": arrays,
        "files": [path.relative_to(place / RESULT).as_posix() for path in files],
        "summary": summary["result"],
        "notes": summary["notes"],
        "settings": summary["settings"],
    }


class _Counter:
    """Reports progress; a run is paused and stopped where something is counted."""

    def __init__(self, control: Control, what: str):
        self._control, self._what, self._n_done, self._total = control, what, 0, 0

    def start(self, total: int, settings: Any, section: xr.DataArray) -> None:
        self._total = total
        shape = [int(size) for size in section.shape[:2]]
        self._control.report(
            "started", {"settings": settings.to_dict(), "notes": [], "n_states": total, "shape": shape}
        )

    def __call__(self, n_new: int = 1) -> None:
        self._n_done += n_new
        self._total = max(self._total, self._n_done)
        self._control.report("progress", {"done": self._n_done, "total": self._total, "what": self._what})
        self._control.check()


def _step(state: Any) -> dict[str, Any]:
    names = ("level", "octave", "step", "n_levels", "n_octaves", "n_steps")
    numbers = {name: getattr(state, name) for name in names}
    return numbers | {"score": state.score, "milliseconds": round(state.milliseconds, 3)}


@contextmanager
def _noting_warnings(control: Control) -> Iterator[None]:
    """Report warnings as notes of the run."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        yield
    for warning in caught:
        control.report("note", {"text": " ".join(str(warning.message).split())})


def _write_spectra(place: Path, arrays: Mapping[str, xr.DataArray]) -> None:
    """Write the spectra of a dream and its input, where they have a time axis."""
    before, after = arrays.get("before"), arrays["dream"]
    if before is None or "time" not in after.dims or after.ndim != 2 or before.shape != after.shape:
        return
    times = after["time"].values
    dt_ms = float(times[1] - times[0])
    spectra = [amplitude_spectrum(fill_absent(one)[0], dt_ms) for one in (before, after)]
    peak = max(float(spectrum.max()) for _, spectrum in spectra) or 1.0
    levels = [np.maximum(20.0 * np.log10(np.maximum(one / peak, 1e-30)), _SMALLEST_DB).round(2) for _, one in spectra]
    known = {"frequency_hz": spectra[0][0].tolist(), "before": levels[0].tolist(), "after": levels[1].tolist()}
    (place / SPECTRA).write_text(json.dumps(known), encoding="utf-8")

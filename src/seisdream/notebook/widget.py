"""The widget: the viewer's module, the section as bytes, and a thread that dreams."""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import anywidget
import traitlets
import xarray as xr

from seisdream.dreaming.dream import Dream
from seisdream.dreaming.frames import FrameEncoder, section_of
from seisdream.errors import SeisdreamError
from seisdream.results.dream_result import DreamResult
from seisdream.viewer.assets import module_text, style_text
from seisdream.viewer.encoding import encode_section


class SectionWidget(anywidget.AnyWidget):
    """A section in a notebook; with a dream, a button that runs it and shows its steps.

    Parameters
    ----------
    section : DataArray
        ``(time, trace)`` or a picture.
    make_dream : callable, optional
        Returns the dream that the button runs.

    Attributes
    ----------
    result : DreamResult or None
        Of the last dream that ended.
    """

    _esm = module_text() + (files("seisdream.notebook") / "widget.js").read_text("utf-8")
    _css = style_text()
    before = traitlets.Bytes().tag(sync=True)
    after = traitlets.Bytes().tag(sync=True)
    can_dream = traitlets.Bool().tag(sync=True)
    state = traitlets.Unicode("idle").tag(sync=True)
    words = traitlets.Unicode().tag(sync=True)

    def __init__(self, section: xr.DataArray, make_dream: Callable[[], Dream] | None = None):
        super().__init__(before=encode_section(section).body(), can_dream=make_dream is not None)
        self.result: DreamResult | None = None
        self._make_dream = make_dream
        self._thread: threading.Thread | None = None
        self._is_stopped = threading.Event()
        self.on_msg(self._on_message)

    def dream(self) -> None:
        """Start the dream; it runs in a thread of its own, so that the notebook can be used meanwhile."""
        if self._make_dream is None or self.state == "running":
            return
        self._is_stopped.clear()
        self.state = "running"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the dream after its step; whole levels are kept."""
        self._is_stopped.set()

    def wait(self) -> DreamResult | None:
        """Wait until the dream has ended, and return its result."""
        if self._thread is not None:
            self._thread.join()
        return self.result

    def _on_message(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        if content.get("kind") == "dream":
            self.dream()
        elif content.get("kind") == "stop":
            self.stop()

    def _run(self) -> None:
        try:
            run = self._make_dream()  # pyright: ignore[reportOptionalCall]
            states, frames = run.states(), FrameEncoder(run)
            for number, state in enumerate(states, start=1):
                self.after = frames.encode(state).body()
                self.words = f"Step {number} of {run.n_states}, score {state.score:.4g}"
                if self._is_stopped.is_set():
                    states.close()
                    break
            if run.n_levels_done:
                self.result = run.result(stopped="interrupted" if self._is_stopped.is_set() else None)
                # The steps are in grey levels; samples louder than those keep their amplitudes in the result.
                self.after = encode_section(section_of(run.section), title="Dream").body()
            self.state = "finished"
        except SeisdreamError as error:
            self.words, self.state = str(error), "failed"

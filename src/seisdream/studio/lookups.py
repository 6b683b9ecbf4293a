"""Routes of what can be chosen: networks, presets, settings, files and sections."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi import Path as InPath
from fastapi.responses import Response

from seisdream import __version__
from seisdream.attribution.settings import AttributionSettings
from seisdream.dreaming.settings import DreamSettings
from seisdream.inference.prediction_settings import PredictionSettings
from seisdream.io.options import InputOptions
from seisdream.significance.settings import ControlSettings
from seisdream.studio.answers import Id, send_file, send_section
from seisdream.studio.bodies import PointBody, SectionBody
from seisdream.studio.presets import NETWORKS, PRESETS
from seisdream.studio.runs import MOST_QUEUED
from seisdream.studio.schema import schema_of
from seisdream.studio.sources import SAMPLES
from seisdream.studio.studio import PREDICTOR, WARM_NETWORK, Studio


def add_looking_up(app: FastAPI, studio: Studio) -> None:
    """Add the routes of networks, presets, schemas and points."""
    schemas = {
        "dream": schema_of(DreamSettings),
        "predict": schema_of(PredictionSettings),
        "attribute": schema_of(AttributionSettings),
        "controls": schema_of(ControlSettings),
        "open": schema_of(InputOptions, exclude=("inline", "crossline", "time_ms")),
    }
    schemas["attribute"]["properties"] |= {
        "target": {
            "title": "Target",
            "description": "What is explained: class:NAME, a channel LAYER:12, or a sum of such.",
            "type": ["string", "null"],
            "default": None,
            "x-auto": "the predicted class",
        },
        "at": {
            "title": "Point",
            "description": "Horizontal and vertical coordinate of the point that is explained.",
            "type": ["array", "null"],
            "items": {"type": "number"},
            "default": None,
            "x-auto": "the whole section",
        },
    }

    @app.get("/api/studio")
    async def state() -> dict[str, Any]:
        """Return the limits of the studio, its samples, and what it is doing."""
        settings = studio.settings
        return {
            "version": __version__,
            "network": WARM_NETWORK,
            "predictor": PREDICTOR,
            "has_data_dir": studio.data_dir is not None,
            "limits": {
                "upload_bytes": round(settings.upload_gb * 1e9),
                "uploads": settings.uploads,
                "queue": MOST_QUEUED,
            },
            "samples": [{"source": name, "title": title} for name, title in SAMPLES.items()],
            "quiz": "/quiz",
            **studio.runs.state(),
        }

    @app.get("/api/presets")
    async def presets() -> list[dict[str, Any]]:
        """Return settings that make a good picture at once."""
        return [one.to_dict() for one in PRESETS]

    @app.get("/api/schema")
    async def schema() -> dict[str, Any]:
        """Return JSON schemas of the settings of each kind of run, and of opening."""
        return schemas

    @app.get("/api/networks")
    async def networks() -> list[dict[str, Any]]:
        """Return the networks that can be chosen."""
        return [{"name": name, "title": title} for name, title in NETWORKS.items()] + [
            {"name": name, "title": "named where the studio was started"} for name in studio.settings.networks
        ]

    @app.get("/api/networks/{name:path}")
    async def network(name: Annotated[str, InPath(max_length=500)]) -> dict[str, Any]:
        """Return the layers and classes of a network."""
        return await studio.network(name)

    @app.get("/api/concepts")
    async def concepts() -> list[dict[str, Any]]:
        """Return the sets of concepts that can be dreamed: network, layer, names and objectives."""
        return await asyncio.to_thread(studio.concepts)

    @app.post("/api/point")
    async def point(body: PointBody) -> dict[str, Any]:
        """Return the channels that are most active at a point, and its class probabilities."""
        return await studio.point(body.model_dump())


def add_sections(app: FastAPI, studio: Studio) -> None:
    """Add the routes of files, uploads and sections."""

    @app.get("/api/files")
    async def files(path: Annotated[str, Query(max_length=4096)] = "") -> dict[str, Any]:
        """Return the content of a folder below the folder of data."""
        return {"path": path, "entries": await asyncio.to_thread(studio.sources.folder, path)}

    @app.get("/api/uploads")
    async def uploads() -> list[dict[str, Any]]:
        """Return the uploads."""
        return studio.uploads.list()

    @app.post("/api/uploads", status_code=201, max_body_size=studio.uploads.most_bytes + 1)
    async def upload(request: Request, name: Annotated[str, Query(min_length=1, max_length=500)]) -> dict[str, Any]:
        """Keep the body of the request as a file."""
        return await studio.uploads.receive(name, request.stream())

    @app.delete("/api/uploads/{upload}", status_code=204)
    async def remove_upload(upload: Id) -> None:
        """Remove an upload."""
        studio.uploads.remove(upload)

    @app.post("/api/sections")
    async def open_section(body: SectionBody) -> dict[str, Any]:
        """Open a source: its facts, problems, axes, amplitudes and geometry."""
        return await studio.open_section(body.source, body.options)

    @app.get("/api/sections/{section}")
    async def section(section: Id) -> dict[str, Any]:
        """Return a section that was opened before."""
        return studio.section(section)

    @app.get("/api/sections/{section}/samples", response_class=Response)
    async def samples(
        section: Id, inline: int | None = None, crossline: int | None = None, time: float | None = None
    ) -> Response:
        """Return the samples of a section, or of one of a volume, as the viewer reads them."""
        return send_section(await studio.samples(section, _line(inline, crossline, time)))

    @app.get("/api/sections/{section}/tile", response_class=Response)
    async def tile(
        section: Id,
        network: Annotated[str, Query(min_length=1, max_length=500)],
        objective: Annotated[str, Query(min_length=1, max_length=500)],
        concepts: Annotated[str | None, Query(min_length=1, max_length=4096)] = None,
        inline: int | None = None,
        crossline: int | None = None,
        time: float | None = None,
    ) -> Response:
        """Return a small dream of a layer, channel, class or concept on a part of a section, with the part itself."""
        line = _line(inline, crossline, time)
        return send_file(await studio.tile(section, line, network, objective, concepts))


def _line(inline: int | None, crossline: int | None, time: float | None) -> dict[str, float]:
    line = {"inline": inline, "crossline": crossline, "time": time}
    return {name: float(value) for name, value in line.items() if value is not None}

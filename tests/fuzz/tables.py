"""Texts: horizons, polygons, scribbles, names and maps of classes, wavelets."""

import json

import numpy as np

from fuzz.mutations import as_json, mutate_json, mutate_text
from seisdream.data.classes import read_folder_classes
from seisdream.data.horizons import label_intervals, open_horizons
from seisdream.data.scribbles import draw_scribbles, open_scribbles
from seisdream.evaluation.class_map import read_class_map
from seisdream.io.masks import open_mask
from seisdream.models.class_names import read_class_names
from seisdream.seismic.sections import make_section

_TRACES, _TIMES = np.arange(450, 470), np.arange(800.0, 880.0, 4.0)


def seeds(folder):
    picks = [f"{inline} {trace} {{}}" for inline in (300, 301) for trace in range(450, 460)]
    tops, bases = ("\n".join(line.format(time + number) for number, line in enumerate(picks)) for time in (800, 840))
    scribbles = [{"inline": 300, "class": "salt", "points": [[450, 800], [460, 820], [455, 860]], "width": 2}]
    texts = {
        "horizons": {"1.txt": tops, "2.txt": bases},
        "named-horizons": {
            "1.txt": "inline,xline,z,name\n300,450,800,1\n",
            "2.txt": "x;inline;crossline;twt\n1;300;450;9",
        },
        "polygons": {"polygons.txt": "crossline time\n450 800\n460 800\n455 860\n\n462,810\n466,810\n466,830\n"},
        "scribbles-text": {
            "scribbles.txt": "inline 300 salt\n450 800.0\n460 820\nline 0 'channel fill' 450 810 455 815\n"
        },
        "scribbles-json": {"scribbles.json": json.dumps(scribbles)},
        "classes-text": {"classes.txt": "water\nshale\nsalt\n"},
        "classes-json": {"classes.json": json.dumps({"0": "water", "1": "shale"})},
        "class-map": {"map.json": json.dumps({"salt": "Zechstein", "fill": None})},
    }
    for name, files in texts.items():
        (folder / name).mkdir()
        for file, text in files.items():
            (folder / name / file).write_text(text)


def mutate(files, random, others):
    name = random.choice(sorted(files))
    if name.endswith(".json") and random.random() < 0.7:
        files[name] = as_json(mutate_json(json.loads(files[name]), random), random)
    else:
        files[name] = mutate_text(files[name].decode(), random, ("#", ";", "inline", "time", "1e400", "'"))
    return files


def use(folder):
    section = make_section(
        np.ones((20, 20), np.float32), dims=("time", "crossline"), coords={"time": _TIMES, "crossline": _TRACES}
    )
    names = sorted(path.name for path in folder.iterdir())
    if names == ["1.txt", "2.txt"]:
        horizons = open_horizons(tuple(str(folder / name) for name in names))
        horizons.has_picks("inline", 300)
        label_intervals(horizons.along("inline", int(horizons.inlines[0]), _TRACES), _TIMES)
    elif names == ["polygons.txt"]:
        open_mask(folder / names[0], section)
    elif names[0].startswith("scribbles"):
        drawn = [one for one in open_scribbles(folder / names[0]) if one.label in ("salt", "channel fill")]
        draw_scribbles(drawn, ("salt", "channel fill"), _TRACES, _TIMES)
    elif names[0].startswith("classes"):
        read_folder_classes(folder)
        read_class_names(folder / names[0])
    else:
        read_class_map(folder / names[0])

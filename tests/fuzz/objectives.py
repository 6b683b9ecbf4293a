"""Objectives as text."""

from fuzz.mutations import mutate_text
from seisdream.dreaming.objectives.parser import files_of, is_parsable, parse, with_files

_SEEDS = (
    "0.7*enc2 - 0.3*enc4:5",
    'class:"slope + fan" - 0.5*penalty:tv + probability:salt',
    "direction:enc5@probe.npz#salt^2 + facies::class:salt - facies@random::class:salt",
    "caricature:enc3^1.5 + inversion:enc2 + style:enc1 + diversity:enc4",
    "enc5:12@40,80 + enc5:3@neuron",
    '"mynets:small"::features.3 - 1e-3*"a:b"::class:"x::y"',
)
_WORDS = (
    *(
        "+",
        "-",
        "*",
        "^",
        "@",
        "::",
        ":",
        '"',
        "#",
        "0*",
        "1e999*",
        "-1*",
        "class:",
        "penalty:",
        "direction:",
        "neuron",
    ),
    *("@1,2", "+ " * 3000, "a::" * 3000, '"' * 3001, "1*" * 3000, "(" * 3000, " " * 9000, "^2" * 3000, "layer " * 3000),
    *("enc1 + " * 3000, "enc1:" * 3000, ".npz#" * 3000),
)


def seeds(folder):
    for number, text in enumerate(_SEEDS):
        (folder / str(number)).mkdir()
        (folder / str(number) / "objective.txt").write_text(text)


def mutate(files, random, others):
    text = files["objective.txt"].decode()
    if random.random() < 0.3:
        text += random.choice((" + ", " - ", "")) + random.choice(others)["objective.txt"].decode()
    return {"objective.txt": mutate_text(text, random, _WORDS)}


def use(folder):
    text = (folder / "objective.txt").read_bytes().decode("utf-8", "surrogateescape")
    objective = parse(text)
    assert is_parsable(objective), str(objective)
    files_of(objective.terms())
    with_files(text, lambda path: path)

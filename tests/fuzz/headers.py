"""SEG-Y files with changed text, binary and trace headers."""

from fuzz.mutations import NUMBERS, mutate_bytes
from segy_files import make_segy, numbered, ramp
from seisdream.io.inputs import open_section, open_segy_volume
from seisdream.io.segy import read_survey, survey_statistics

_TRACE = 240
_WORDS = (1, 5, 9, 13, 17, 21, 25, 29, 35, 37, 71, 73, 77, 81, 85, 89, 109, 115, 117, 181, 185, 189, 193, 197, 235)
_BINARY = (3201, 3205, 3209, 3213, 3215, 3217, 3219, 3221, 3223, 3225, 3227, 3229, 3255, 3261, 3265, 3269, 3273, 3281,
           3297, 3301, 3303, 3305, 3307, 3311, 3313, 3321, 3329, 3501, 3503, 3505, 3507)  # fmt: skip


def seeds(folder):
    grid = numbered(range(100, 104), range(7, 12)) | {73: 500000, 77: 6000000, 181: 500000, 185: 6000000, 71: 1}
    for number, options in enumerate(
        (
            {"words": grid},
            {"words": grid, "endian": "little", "sample_format": 5},
            {"words": grid, "sample_format": 1, "extended": 1},
            {"words": {21: range(1, 21), 73: range(20), 77: range(20)}, "sample_format": 3},
            {"words": grid, "sample_format": 8, "binary": {3501: 0x0200}},
        )
    ):
        (folder / str(number)).mkdir()
        samples = ramp(20, 16) if options.get("sample_format", 5) == 5 else ramp(20, 16).astype("i8") % 100
        if options.get("sample_format") == 1:
            samples += 0x42640000  # 100 as an IBM float, and a little more.
        make_segy(folder / str(number) / "line.sgy", samples, **options)


def mutate(files, random, others):
    data = files["line.sgy"]
    if random.random() < 0.5:
        return {"line.sgy": mutate_words(bytearray(data), random)}
    last = random.choice((3200, 3600, 3600 + _TRACE))
    return {"line.sgy": mutate_bytes(data, random, [one["line.sgy"] for one in others], (0, last))}


def mutate_words(data, random):
    """Set words of the binary header, or one word of some trace headers, to extreme numbers."""
    size = (len(data) - 3600) // 20
    for _ in range(random.choice((1, 1, 2, 4))):
        width, order = random.choice((2, 2, 4)), random.choice(("big", "big", "little"))
        if random.random() < 0.5:
            places = [random.choice(_BINARY) - 1]
        else:
            word = random.choice(_WORDS) - 1
            every = random.choice((1, 1, 2, 5))
            places = [3600 + trace * size + word for trace in range(0, 20, every)]
        number = random.choice(NUMBERS)
        for place in places:
            number = number + random.choice((0, 0, 1)) if random.random() < 0.9 else random.choice(NUMBERS)
            data[place : place + width] = (number % 2 ** (8 * width)).to_bytes(width, order)
    return bytes(data)


def use(folder):
    path = folder / "line.sgy"
    survey = read_survey(path)
    survey_statistics(survey)
    section = open_section(path, nan="absent")
    assert section.ndim == 2
    if survey.inlines is not None and survey.crosslines is not None:
        volume = open_segy_volume(path, nan="absent")
        volume.open(volume.inlines[0])

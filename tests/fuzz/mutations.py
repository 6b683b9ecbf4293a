"""Changes to bytes, JSON and text, chosen by a random generator."""

import json

NUMBERS = (
    *(-(2**63), -(2**31), -32768, -4000, -2, -1, 0, 1, 2, 3, 7, 255, 256, 32767, 65535, 65536, 2**24, 2**31 - 1),
    *(2**31, 2**32, 2**62, 2**63 - 1, 2**64, 10**30, -(10**30)),
)
FLOATS = (0.0, -0.0, 0.5, -1.5, 1e-300, 1e30, 1e308, -1e308, float("nan"), float("inf"), float("-inf"))
WORDS = (
    *("", " ", "x", "nan", "inf", "-inf", "1e999", "None", "null", "../../etc/passwd", "/dev/zero", "/dev/null", "."),
    *(
        "\x1b[2J\x1b]0;owned\x07",
        "\u202etxt.exe",
        "$\\frac{1}{0}$",
        "<script>alert(1)</script>",
        "=1+1",
        "@x",
        "a" * 5000,
    ),
    *(
        "\ud800",
        "\x00",
        "é",
        "日本語",
        "٣",
        "²",
        "os:system",
        "noise:8x8",
        "noise:99999x99999",
        "sample:none",
        "facies",
    ),
    *("gabor", "stage2/rectified", "class:salt", "8-12-60-80", "time=1:2", "<f4", "|O", "<M8[ns]", "1" * 400),
)


def mutate_bytes(data, random, others=(), span=None):
    """Return bytes after one to four changes, in a span of them where it is given."""
    data = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        first, last = span or (0, len(data))
        at = random.randrange(first, max(first + 1, min(last, len(data)))) if data else 0
        size = min(random.choice((1, 2, 4, 8, 16, 64, 256)), len(data))
        change = random.randrange(10)
        if change == 0 and at < len(data):
            data[at] ^= 1 << random.randrange(8)
        elif change == 1:
            data[at : at + size] = random.randbytes(size)
        elif change == 2:
            del data[at:]
        elif change == 3:
            data[at:at] = data[at : at + size]
        elif change == 4:
            del data[at : at + size]
        elif change == 5 and others:
            other = random.choice(others)
            data[at:] = other[min(at, len(other)) :]
        elif change == 6:
            data[at : at + size] = bytes([random.choice((0, 32, 127, 128, 255))]) * size
        elif change == 7:
            data += random.randbytes(size)
        else:
            width = random.choice((1, 2, 4, 8))
            at -= at % random.choice((1, width))
            number = random.choice(NUMBERS) % 2 ** (8 * width)
            data[at : at + width] = number.to_bytes(width, random.choice(("little", "big")))
    return bytes(data)


def mutate_text(text, random, words=()):
    """Return a text after changes to its lines, to its words, or to its bytes, as bytes."""
    if random.random() < 0.3:
        return mutate_bytes(text.encode("utf-8", "surrogatepass"), random)
    for _ in range(random.choice((1, 1, 2, 4))):
        pieces = text.split(separator := random.choice(("\n", " ", ",", ":")))
        at = random.randrange(len(pieces))
        change = random.randrange(6)
        if change == 0:
            del pieces[at]
        elif change == 1:
            pieces[at] = random.choice((*words, *WORDS))
        elif change == 2:
            pieces[at] = str(random.choice(NUMBERS + FLOATS))
        elif change == 3:
            pieces[at:at] = [pieces[at]] * random.choice((1, 2, max(2, min(500, 100_000 // (1 + len(pieces[at]))))))
        elif change == 4:
            random.shuffle(pieces)
        else:
            pieces = pieces[:at]
        text = separator.join(pieces)
    return text.encode("utf-8", "surrogatepass")


def mutate_json(value, random):
    """Return values of JSON with one to four of their parts deleted, renamed, or of another value or type."""
    value = json.loads(json.dumps(value))
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        paths = list(_paths(value))
        path = random.choice(paths)
        if not path:
            if random.random() < 0.2:
                value = _another(value, random)
            continue
        parent = value
        for key in path[:-1]:
            parent = parent[key]
        key = path[-1]
        change = random.randrange(8)
        if change == 0:
            del parent[key]
        elif change == 1 and isinstance(parent, dict):
            parent[random.choice((key + "2", *WORDS))] = parent.pop(key)
        elif change == 2:
            parent[key] = json.loads(json.dumps(value))
        else:
            parent[key] = _another(parent[key], random)
    return value


def as_json(value, random):
    """Return values as JSON, now and then damaged as text or nested too deeply."""
    if random.random() < 0.01:
        depth = random.choice((500, 100_000))
        return b"[" * depth + b"]" * depth
    text = json.dumps(value, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")
    return mutate_bytes(text, random) if random.random() < 0.15 else text


def _another(value, random):
    kind = random.randrange(7)
    if kind == 0:
        return random.choice(NUMBERS)
    if kind == 1:
        return random.choice(FLOATS)
    if kind == 2:
        return random.choice(WORDS)
    if kind == 3:
        return random.choice((None, True, False))
    if kind == 4:
        return random.choice(([], {}, [value], {"x": value}, [value] * (2 if isinstance(value, dict | list) else 1000)))
    if kind == 5 and isinstance(value, str) and value:
        at = random.randrange(len(value))
        return value[:at] + random.choice(WORDS) + value[at + 1 :]
    return str(value)


def _paths(value, path=()):
    yield path
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _paths(part, (*path, key))

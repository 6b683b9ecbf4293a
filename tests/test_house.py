"""The house stands: imports point down, the library is silent, no file knows the machine it came from."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from seisdream.errors import CODES

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "seisdream"

# From top to bottom; packages in one row do not import each other.
ROWS = [
    {"cli"},
    {"studio"},
    {"research"},
    {"atlas", "sheet", "training"},
    {"volumes"},
    {"representations"},
    {"evaluation"},
    {"attribution", "channels", "data", "significance"},
    {"accessor"},
    {"notebook"},
    {"dreaming"},
    {"results"},
    {"plotting", "viewer"},
    {"inference"},
    {"models"},
    {"io"},
    {"synthetic"},
    {"seismic"},
    {"extras", "provenance", "settings"},
    {"errors", "escaping"},
]
ROW_OF = {name: row for row, names in enumerate(ROWS) for name in names}

MODULES = sorted(PACKAGE.rglob("*.py"))


def _package_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def _imported_names(source, module):
    """Every module of seisdream that some code imports, at its top or inside a function, in dotted form."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                inside = module.split(".")[: -node.level]
                origin = ".".join(inside + ([node.module] if node.module else []))
            # `from seisdream import io` names a package only in its second half.
            yield from (f"{origin}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in (
            "import_module",
            "__import__",
        ):
            yield from (str(arg.value) for arg in node.args[:1] if isinstance(arg, ast.Constant))


def _packages_imported(source, module):
    for name in _imported_names(source, module):
        parts = name.split(".")
        if parts[0] == "seisdream" and len(parts) > 1 and parts[1] in ROW_OF:
            yield parts[1]


def _points_wrong(source, module, package):
    return sorted(
        {other for other in _packages_imported(source, module) if other != package and ROW_OF[other] <= ROW_OF[package]}
    )


def test_every_package_has_its_row():
    packages = {_package_of(path) for path in MODULES} - {"__init__", "__main__"}
    assert packages == set(ROW_OF)


def test_imports_point_down():
    wrong = {}
    for path in MODULES:
        package = _package_of(path)
        if package in ("__init__", "__main__"):
            continue  # The public API: it exports names of every package, lazily.
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        if others := _points_wrong(path.read_text("utf-8"), module, package):
            wrong[module] = others
    assert wrong == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from seisdream.dreaming.dream import Dream", ["dreaming"]),
        ("from seisdream import cli", ["cli"]),
        ("def late():\n    import seisdream.channels.tuning", ["channels"]),
        ("from ..dreaming import dream", ["dreaming"]),
        ("import importlib\nimportlib.import_module('seisdream.cli.main')", ["cli"]),
        ("from seisdream.io.atomic import writing_file\nfrom seisdream import __version__", []),
        ("from .registry import load_network", []),
    ],
)
def test_the_guard_sees_every_way_to_import_upward(source, found):
    assert _points_wrong(source, "seisdream.models.network", "models") == found


def test_packages_in_one_row_are_strangers():
    wrong = _points_wrong("from seisdream.channels import tuning", "seisdream.significance.report", "significance")
    assert wrong == ["channels"]


def test_the_library_never_prints():
    printing = []
    for path in MODULES:
        calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        printing += [f"{path}:{call.lineno}" for call in calls if getattr(call.func, "id", "") in ("print", "pprint")]
    assert printing == []


def test_every_error_names_a_known_code():
    without = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("SeisdreamError", "NonFiniteStepError"):
                codes = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
                constants = [code.value for code in codes if isinstance(code, ast.Constant)]
                if not codes or any(code not in CODES for code in constants):
                    without.append(f"{path.relative_to(PACKAGE)}:{node.lineno}")
    assert without == []


def test_every_module_says_what_it_is_for():
    sources = {str(path.relative_to(PACKAGE)): path.read_text("utf-8") for path in MODULES}
    assert [name for name, source in sources.items() if source and not ast.get_docstring(ast.parse(source))] == []


def test_no_file_knows_a_machine_or_a_registry():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    # Written in pieces, so that this file does not find itself.
    forbidden = re.compile(
        "|".join(
            [
                r"(?<![\w.~-])/" + r"(work|opt|root|Users)/",
                r"(?<![\w.~-])/" + r"home/\w",
                "pypi" + r"\.org",
                "python" + r"hosted\.org",
                "npm" + r"js\.(org|com)",
                "download" + r"\.pytorch",
                "deb" + r"ian\.org",
                "conda" + r"\.anaconda",
                r"index-" + r"url",
            ]
        )
    )
    found = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        content = path.read_bytes() if path.is_file() else b""
        if b"\0" not in content:
            for number, line in enumerate(content.decode("utf-8").splitlines(), start=1):
                if forbidden.search(line):
                    found.append(f"{name}:{number}: {line.strip()[:80]}")
    assert found == []

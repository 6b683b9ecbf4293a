"""The documentation names what exists and nothing else, its links lead somewhere, and its Python examples run."""

import importlib.util
import re
from pathlib import Path

import pytest
import torch
from PIL import Image

import seisdream
from seisdream.errors import CODES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GROUPS = ("tutorials", "how-to", "explanation", "reference")
PAGES = [DOCS / "index.md", *(page for group in GROUPS for page in sorted((DOCS / group).glob("*.md")))]
RUN = ("tutorials/python.md", "how-to/objectives.md", "how-to/parameterizations.md", "how-to/your-network.md")
OTHER_OPTIONS = {"--port", "--nthreads", "--nworkers", "--help", "--help-all", "--version", "--nproc-per-node"}


def script(name):
    """Return a script of the documentation as a module."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tables, experiments = script("reference_tables"), script("build_experiments")


def name_of(page):
    return str(page.relative_to(DOCS))


def python_blocks(page):
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def options_in(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def options_of(command):
    names = [name for option in tables.options(command) for name in (*option.opts, *option.secondary_opts)]
    return {name for name in names if name.startswith("--")}


def anchors_in(page):
    """Return the anchors that GitHub and Sphinx make of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


def test_the_reference_lists_every_command_and_option():
    parts = dict(
        re.findall(r"^## seisdream (.+?)\n(.*?)(?=^## |\Z)", tables.command_tables(), re.DOTALL | re.MULTILINE)
    )
    assert set(parts) == set(tables.commands())
    for name, command in tables.commands().items():
        assert options_of(command) - options_in(parts[name]) == set(), name


def test_the_reference_lists_every_setting_with_the_kinds_of_input_that_accept_it():
    rows = dict(
        re.findall(r"^\| `(\w+)` \| .* \| (\w+ \| \w+ \| \w+ \| [\w ]+) \|$", tables.settings_table(), re.MULTILINE)
    )
    declared = [one for one in seisdream.DreamSettings.declared() if not one.declared.is_hidden]
    assert set(rows) == {one.name for one in declared}
    for one in declared:
        assert ("cube" in one.declared.unsupported) != rows[one.name].endswith("yes"), one.name


def test_the_reference_lists_every_error_code():
    assert set(re.findall(r"^\| `([\w-]+)`", tables.error_table(), re.MULTILINE)) == set(CODES)


def test_the_reference_lists_the_public_names_and_nothing_else():
    text = (DOCS / "reference" / "api.md").read_text(encoding="utf-8")
    listed = re.findall(r"^ +~?seisdream\.(\w+)$", text, re.MULTILINE)
    assert sorted(listed) == sorted(set(seisdream.__all__) - {"__version__"})


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_pages_name_only_commands_and_options_that_exist(page):
    text = page.read_text(encoding="utf-8")
    known = OTHER_OPTIONS.union(*(options_of(command) for command in tables.commands().values()))
    # Options of the project's own scripts are not the command line's.
    ours = "\n".join(line for line in text.splitlines() if "benchmarks/" not in line and "docs/" not in line)
    assert options_in(ours) - known == set()
    for command in re.findall(r"^ +(?:\$ )?seisdream ([a-z]+) ", text, re.MULTILINE):
        assert command in tables.commands()


@pytest.mark.slow
@pytest.mark.parametrize("page", [DOCS / name for name in RUN], ids=name_of)
def test_python_examples_run(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    earlier = torch.get_num_threads()
    torch.set_num_threads(1)
    namespace = {"__name__": "__main__"}
    try:
        for number, block in enumerate(python_blocks(page), start=1):
            exec(compile(block, f"{page}, block {number}", "exec"), namespace)
    finally:
        torch.set_num_threads(earlier)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_other_python_examples_compile(page):
    for number, block in enumerate(python_blocks(page), start=1):
        compile(block, f"{page.name}, block {number}", "exec")


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_links_lead_to_pages_headings_and_pictures_that_exist(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors_in(linked), target


@pytest.mark.parametrize("name", sorted(path.stem for path in (DOCS / "experiments").glob("*.json")))
def test_pages_of_experiments_agree_with_their_results(name):
    page = DOCS / "explanation" / f"{experiments.page_name_of(name)}.md"
    assert page.read_text(encoding="utf-8") == experiments.page_of(name)


@pytest.mark.parametrize("group", GROUPS)
def test_every_page_is_in_the_table_of_contents_of_its_group(group):
    contents = (DOCS / group / "index.md").read_text(encoding="utf-8")
    named = re.search(r"```\{toctree\}\n:hidden:\n(.*?)```", contents, re.DOTALL).group(1).split()
    assert sorted(named) == sorted(page.stem for page in (DOCS / group).glob("*.md") if page.stem != "index")


def test_every_picture_is_used():
    texts = "".join(page.read_text(encoding="utf-8") for page in [*PAGES, ROOT / "README.md"])
    unused = {picture.name for picture in (DOCS / "pictures").iterdir() if f"pictures/{picture.name}" not in texts}
    assert unused == set()


def test_pictures_are_small_enough_to_read_over_a_slow_line():
    sizes = {path.name: path.stat().st_size for path in (DOCS / "pictures").iterdir()}
    assert sum(sizes.values()) < 12 * 2**20
    assert {name: size for name, size in sizes.items() if size > 700_000} == {}


@pytest.mark.parametrize("picture", sorted((DOCS / "pictures").glob("*.png")), ids=lambda path: path.name)
def test_pictures_can_be_opened(picture):
    with Image.open(picture) as opened:
        opened.verify()

"""Who may import whom (CONTRIBUTING.md, "The shape"), read from the source with `ast`."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LIBRARY = ROOT / "chalicelib"
PURE = {"status", "changes", "errors", "encoding", "messages", "phone", "transitions", "segmented", "retries"}
PURE |= {"compose", "routing", "webhooks"}
#: What a pure module and an adapter may use of our own.
KNOWN_TO_ADAPTERS = {"status", "errors", "encoding", "messages", "phone", "http", "jwt", "logs", "providers"}
#: Adapters that speak to AWS itself instead of HTTP.
ON_AWS = {"sandbox", "aws_eum"}

sources = sorted(LIBRARY.rglob("*.py"))


def imports(path):
    """The full names that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def ours(path):
    """Of those, the modules of chalicelib, without that name."""
    return {name.split(".")[1] for name in imports(path) if name.startswith("chalicelib.")}


def outside(path):
    return {name.split(".")[0] for name in imports(path)} - {"chalicelib"}


def name_of(path):
    return path.relative_to(LIBRARY).with_suffix("").as_posix()


@pytest.mark.parametrize("path", sources, ids=name_of)
def test_nothing_imports_the_app_or_what_is_not_deployed(path):
    assert not outside(path) & {"app", "localdev", "infra", "tests", "bench"}


@pytest.mark.parametrize("path", sources, ids=name_of)
def test_only_blueprints_know_chalice(path):
    assert path.parent.name == "blueprints" or "chalice" not in outside(path)


@pytest.mark.parametrize("path", sources, ids=name_of)
def test_only_the_store_knows_the_tables(path):
    assert path.stem.startswith("store") or path.stem == "models" or "models" not in ours(path)


@pytest.mark.parametrize("path", sources, ids=name_of)
def test_only_config_reads_the_environment(path):
    assert path.stem == "config" or "os" not in outside(path)


@pytest.mark.parametrize(
    "path", [path for path in sources if path.parent == LIBRARY and path.stem in PURE], ids=name_of
)
def test_pure_modules_use_the_standard_library_and_each_other(path):
    assert ours(path) <= PURE
    assert not outside(path) & {"boto3", "botocore", "pynamodb", "requests", "time", "socket", "logging"}
    assert outside(path) - {"phonenumbers"} <= set(__import__("sys").stdlib_module_names)


@pytest.mark.parametrize("path", sorted((LIBRARY / "providers").glob("*.py")), ids=name_of)
def test_adapters_know_the_nouns_and_no_sibling(path):
    assert ours(path) <= KNOWN_TO_ADAPTERS
    siblings = {name for name in imports(path) if name.startswith("chalicelib.providers.")}
    assert all(name.split(".")[2] == "base" for name in siblings)
    assert "boto3" not in outside(path) or path.stem in ON_AWS


def test_no_providers_name_appears_outside_its_own_files():
    names = {path.stem for path in (LIBRARY / "providers").glob("*.py")} - {"__init__", "base"}
    # `dummy`, `console` and `sandbox` are also plain words; the sandbox has a Lambda of its own.
    strangers = [
        (name_of(path), name)
        for path in sources
        for name in names - {"dummy", "console"}
        if name not in path.stem and name in path.read_text().lower() and not _prose_only(path, name)
    ]
    assert strangers == []


def _prose_only(path, name):
    """Whether the name occurs in docstrings and comments alone, or as the default provider in config.py."""
    tree = ast.parse(path.read_text())
    words = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    docstrings = {
        ast.get_docstring(node, clean=False)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
    }
    strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)} - docstrings
    if path.stem == "config":
        strings.discard(name)
    return not any(isinstance(string, str) and name in string.lower() for string in strings) and name not in words


def test_app_py_is_wiring_only():
    source = (ROOT / "app.py").read_text()
    assert len(source.splitlines()) <= 40
    assert not [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.ClassDef)]


@pytest.mark.parametrize("path", sources, ids=name_of)
def test_files_stay_small(path):
    assert len(path.read_text().splitlines()) <= 300

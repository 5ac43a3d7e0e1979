"""The documents say what the code does."""

import re
from pathlib import Path

from chalicelib.providers import names
from infra import matrix

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"


def test_the_matrix_of_the_providers_is_as_the_adapters_have_it():
    text = matrix.PAGE.read_text()
    assert matrix.page(text) == text, "run: make docs"


def test_every_provider_has_a_page_or_a_section():
    text = matrix.PAGE.read_text()
    for name in names():
        assert (DOCS / "providers" / f"{name}.md").exists() or re.search(rf"^## .*\b{name}\b", text, re.MULTILINE), name


def test_links_lead_somewhere():
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_every_target_of_the_makefile_that_a_document_names_is_there():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]:
        named = set(re.findall(r"(?:^ {4}|`)make ([a-z]+)", page.read_text(), re.MULTILINE))
        assert named <= targets, f"{page.name}: {named - targets}"

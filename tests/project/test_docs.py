"""The documents say what the code does."""

import re
from datetime import datetime, timezone
from pathlib import Path

from chalicelib.providers import names as adapters
from chalicelib.webhooks import BACKOFF, headers_of, new_secret
from infra import matrix

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"


def test_the_matrix_of_the_providers_is_as_the_adapters_have_it():
    text = matrix.PAGE.read_text()
    assert matrix.page(text) == text, "run: make docs"


def test_every_provider_has_a_page_or_a_section():
    text = matrix.PAGE.read_text()
    for name in adapters():
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


def test_the_verification_of_a_webhook_without_a_package_is_right():
    page = (DOCS / "signals.md").read_text()
    (code,) = re.findall(r"```python\n(import base64.*?)```", page, re.DOTALL)
    names = {}
    exec(code, names)
    secret, other = (new_secret(bytes([number]) * 32) for number in (1, 2))
    headers = headers_of("m:1", b"{}", [other, secret], datetime.now(timezone.utc))
    assert names["is_genuine"](secret, headers, b"{}")
    assert not names["is_genuine"](secret, headers, b"{} ")
    assert not names["is_genuine"](new_secret(b"x" * 32), headers, b"{}")


def test_the_table_of_waits_is_the_codes():
    page = (DOCS / "signals.md").read_text()
    (row,) = re.findall(r"^\| wait \| (.*) \|$", page, re.MULTILINE)
    units = {"s": 1, "min": 60, "h": 3600}
    waits = [int(number) * units[unit] for number, unit in (cell.split() for cell in row.split(" | "))]
    assert tuple(waits) == BACKOFF

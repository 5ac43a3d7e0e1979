"""The matrix of docs/providers.md, written from the adapters: `python -m infra.matrix` (`make docs`)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from chalicelib.capabilities import matrix
from infra.paths import ROOT

PAGE = ROOT / "docs" / "providers.md"
BEGIN, END = "<!-- begin: make docs -->", "<!-- end: make docs -->"


def page(text: str) -> str:
    """The page with its matrix as the adapters have it now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def table() -> str:
    """The matrix: one row a provider."""
    head = (
        "provider",
        "senders",
        "receipts",
        "our id comes back in",
        "proof",
        "incoming",
        "price",
        "validity",
        "asked",
        "repeats",
    )
    rows = [head, ["---"] * len(head), *(_row(one) for one in matrix())]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(one: Mapping[str, Any]) -> list[str]:
    page_of = PAGE.parent / "providers" / f"{one['name']}.md"
    name = (
        f"[`{one['name']}`](providers/{one['name']}.md)" if page_of.exists() else f"[`{one['name']}`](#{one['name']})"
    )
    validity = one["validity"]
    proof = one["authenticity"] or ""
    return [
        name,
        "all" if len(one["senders"]) == 3 else ", ".join(one["senders"]),
        f"per {one['receipts']}" if one["receipts"] else "none",
        one["message_id_in"] or "",
        proof if one["covers_body"] in (True, None) else f"{proof} (does not cover the body)",
        ("yes, opt-outs marked" if one["opt_outs"] else "yes") if one["incoming"] else "no",
        {"submission": "at once", "receipt": "with a receipt", "fetch": "asked for"}.get(one["price_with"], "never"),
        f"{validity['least']}–{validity['most']} s" if validity["by"] == "provider" else "smsignal's",
        "yes" if one["fetches_status"] else "no",
        "discarded" if one["discards_duplicates"] else "not discarded",
    ]


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(PAGE.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

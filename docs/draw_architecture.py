"""Draw the picture of docs/architecture.md from the import contracts of pyproject.toml.

`make picture` writes the page. With --check, as in `make check`, nothing is written and the exit
status is 1 if the page is not what would be written.
"""

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN = "<!-- picture: written by `make picture` -->\n"
END = "<!-- end of the picture -->\n"


# The contracts that the picture shows, by their ids; smaller folders have contracts as well.
COLUMNS = ("project", "exchange", "trading", "simulator", "streaming")
SPACING = '%%{init: {"flowchart": {"rankSpacing": 26, "nodeSpacing": 20, "padding": 6}}}%%'


def picture(contracts: list[dict[str, Any]]) -> str:
    """The layers of these contracts, each as a column of boxes, in Mermaid."""
    by_id = {contract["id"]: contract for contract in contracts if "id" in contract}
    lines = [line for name in COLUMNS for line in _column(by_id[name])]
    order = " ~~~ ".join(COLUMNS)
    return "\n".join(["```mermaid", SPACING, "flowchart LR", *lines, f"  {order}", "```", ""])


def _column(contract: dict[str, Any]) -> Iterator[str]:
    name = contract["id"]
    (container,) = contract.get("containers", ["the project"])
    yield f'  subgraph {name}["<b>{container.replace(".", "/")}</b>"]'
    yield "    direction TB"
    boxes = [f"{name}{place}" for place, _ in enumerate(contract["layers"])]
    for box, layer in zip(boxes, contract["layers"], strict=True):
        modules = [module.strip().replace(".", "/") for module in layer.split("|")]
        yield f'    {box}["{"<br>".join(modules)}"]'
    yield f"    {' --> '.join(boxes)}"
    yield "  end"


def drawn(page: str, contracts: list[dict[str, Any]]) -> str:
    """The page with the picture between its two markers."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{picture(contracts)}{END}{after}"


def main(arguments: list[str]) -> int:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    page = PAGE.read_text()
    wanted = drawn(page, project["tool"]["importlinter"]["contracts"])
    if "--check" not in arguments:
        PAGE.write_text(wanted)
    elif page != wanted:
        sys.stderr.write("docs/architecture.md is not what pyproject.toml says: make picture\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

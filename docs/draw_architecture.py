"""Draw docs/architecture.md from the import contracts of pyproject.toml and from docstrings.

`make picture` writes the picture of the layers, and the list of what is in each of them: the first
paragraph of every module's or package's docstring. With --check, as in `make check`, nothing is
written and the exit status is 1 if the page is not what would be written.
"""

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN = "<!-- {}: written by `make picture` -->\n"
END = "<!-- end of the {} -->\n"

# The contracts that the picture shows, by their ids; smaller folders have contracts as well.
COLUMNS = ("project", "exchange", "trading", "simulator", "streaming")
# ... and those whose modules are listed.
LISTED = (*COLUMNS, "corporate", "market", "banking", "authentication", "portfolio", "desk")
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


def rooms(contracts: list[dict[str, Any]]) -> str:
    """A table for each listed contract: what is in its layers, from the top down."""
    by_id = {contract["id"]: contract for contract in contracts if "id" in contract}
    return "\n".join(line for name in LISTED for line in _table(by_id[name]))


def _table(contract: dict[str, Any]) -> Iterator[str]:
    (container,) = contract.get("containers", [""])
    folder = Path(*container.split("."))
    yield f"**{f'`{folder}/`' if container else 'The project'}**\n"
    yield "| | |"
    yield "|---|---|"
    for layer in contract["layers"]:
        for module in layer.split("|"):
            path = folder / Path(*module.strip(" ()").split("."))
            shown, source = (
                (f"{path}/", path / "__init__.py")
                if (ROOT / path).is_dir()
                else (f"{path}.py", path.with_suffix(".py"))
            )
            yield f"| `{shown}` | {_first_paragraph(ROOT / source)} |"
    yield ""


def _first_paragraph(source: Path) -> str:
    docstring = ast.get_docstring(ast.parse(source.read_text())) or ""
    return " ".join(docstring.partition("\n\n")[0].split())


def drawn(page: str, contracts: list[dict[str, Any]]) -> str:
    """The page with the picture and the tables between their markers."""
    for name, text in (("picture", picture(contracts)), ("rooms", rooms(contracts))):
        begin, end = BEGIN.format(name), END.format(name)
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}{text}{end}{after}"
    return page


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

"""Known holes in the installed packages, by pip-audit, which asks a database of advisories.

    python .ci/audit.py                  # the weekly run: fails too if no database answers
    python .ci/audit.py --if-reachable   # in `make check`: says so, and passes

pip-audit leaves out what a database does not know, and then finds nothing. So what was left out is
counted here: a package that nobody was asked about is not a package without holes.
"""

import json
import subprocess
import sys
from dataclasses import dataclass, field

DATABASES = ("pypi", "osv")
# A hole that does not concern this project: its id, and why.
ANSWERED: dict[str, str] = {}

FOUND, UNREACHABLE = 1, 3


@dataclass
class Audit:
    """What one database has said: how many packages it knew, and the holes of each."""

    known: int = 0
    unknown: list[str] = field(default_factory=list)
    holes: list[str] = field(default_factory=list)


def read(report: str) -> Audit | None:
    """pip-audit's report in JSON; None if there is none, or no package was known."""
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return None
    audit = Audit()
    for package in packages:
        if "skip_reason" in package:
            audit.unknown.append(package["name"])
            continue
        audit.known += 1
        for hole in package["vulns"]:
            names = {hole["id"], *hole.get("aliases", ())}
            if not names & ANSWERED.keys():
                fixed = ", ".join(hole.get("fix_versions", ())) or "no version yet"
                where = f"{package['name']} {package['version']}"
                audit.holes.append(f"{where}: {hole['id']}, fixed in {fixed}")
    return audit if audit.known else None


def ask(database: str) -> Audit | None:
    """Run pip-audit; None if the database does not answer."""
    command = [sys.executable, "-m", "pip_audit", "--local", "--format", "json"]
    done = subprocess.run(  # noqa: S603 - fixed words
        [*command, "--progress-spinner", "off", "--vulnerability-service", database],
        capture_output=True,
        text=True,
        check=False,
    )
    return read(done.stdout)


def conclude(audit: Audit | None, *, if_reachable: bool) -> tuple[int, str]:
    """The exit status, and what to say."""
    if audit is None:
        text = "NOT AUDITED: no database of advisories answers from here. `make audit` elsewhere."
        return (0 if if_reachable else UNREACHABLE), text
    if audit.holes:
        return FOUND, "Known holes:\n" + "\n".join(f"  {hole}" for hole in audit.holes)
    text = f"{audit.known} packages have no known holes."
    if audit.unknown:
        text += f" Not known, and so not audited: {', '.join(audit.unknown)}."
    return 0, text


def main(arguments: list[str]) -> int:
    audits = (ask(database) for database in DATABASES)
    audit = next((each for each in audits if each is not None), None)
    status, text = conclude(audit, if_reachable="--if-reachable" in arguments)
    print(text)  # noqa: T201 - a command
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

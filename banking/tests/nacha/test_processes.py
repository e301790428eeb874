"""Real processes that write files: killed at any point, or several at once, they send all once."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from banking.tests.nacha import scenes
from exchange.tests.server import ROOT, LiveServer

pytestmark = pytest.mark.servers

SCENES = "banking.tests.nacha.scenes"
COUNT = 8
DIE = (
    "import django; django.setup(); from banking.tests.nacha import scenes; "
    "scenes.die_while_writing(at={at!r})"
)
# In the order of the way: before the decision is committed, before the file is written, when its
# bytes are on the disk under no name yet, and when it has its name and nobody has noted that.
POINTS = [
    "banking.nacha.files:_content",
    "banking.nacha.folder:write",
    "banking.nacha.folder:Path",
    "banking.nacha.files:_note_written",
]


@pytest.fixture(params=["sqlite", "postgresql"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LiveServer]:
    """A database with transfers that wait for a file, and the environment of its processes."""
    env = dict(scenes.ENVIRONMENT)
    if request.param == "postgresql":
        env["DATABASE_URL"] = request.getfixturevalue("own_database")
    broker = LiveServer(tmp_path, env=env)
    try:
        broker.call("exchange.tests.server:migrate")
        broker.call(f"{SCENES}:many_transfers", count=COUNT)
        yield broker
    finally:
        broker.close()


def cents_in(folder: Path) -> list[int]:
    return sorted(
        int(entry["amount"]) for file in folder.glob("*.ach") for entry in scenes.entries(file)
    )


def assert_all_were_sent_once(broker: LiveServer, folder: Path) -> None:
    assert cents_in(folder) == [100 * dollars for dollars in range(1, COUNT + 1)]
    assert not list(folder.glob("*.part"))
    state = broker.call(f"{SCENES}:state")
    assert (state["entries"], state["unwritten"], state["not_sent"]) == (COUNT, 0, 0)
    assert state["due"] == COUNT
    assert sorted(state["files"]) == sorted(file.name for file in folder.glob("*.ach"))


@pytest.mark.parametrize("point", POINTS)
def test_a_writer_that_is_killed_leaves_the_rest_to_the_next(
    broker: LiveServer, tmp_path: Path, point: str
):
    folder = tmp_path / "var" / "nacha"
    killed = subprocess.run(
        [sys.executable, "-c", DIE.format(at=point)], cwd=ROOT, env=broker.env, check=False
    )
    assert killed.returncode == -9
    assert broker.call(f"{SCENES}:state")["due"] == 0

    assert "8 debits of 36.00" in broker.manage("write_nacha_file")

    assert_all_were_sent_once(broker, folder)
    assert "nothing to send" in broker.manage("write_nacha_file")


def test_writers_at_once_send_all_once(broker: LiveServer, tmp_path: Path):
    command = [sys.executable, "manage.py", "write_nacha_file"]
    writers = [subprocess.Popen(command, cwd=ROOT, env=broker.env) for _ in range(4)]

    assert [writer.wait() for writer in writers] == [0] * 4

    assert_all_were_sent_once(broker, tmp_path / "var" / "nacha")

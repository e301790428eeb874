"""The rail of real banks, a folder for its files, and verified accounts on it."""

import pytest

from authentication.tests.conftest import alice, bob
from banking.nacha import files
from banking.rules import rails
from banking.rules.rails.nacha import NachaRail
from banking.tests.nacha import scenes
from be.tests.conftest import own_database

__all__ = ["alice", "bob", "own_database"]


@pytest.fixture(autouse=True)
def rail(monkeypatch, settings, tmp_path):
    """The settings of a broker whose money moves by files; deposits are held for three days."""
    monkeypatch.setattr(rails, "current", NachaRail(hold_days=3))
    settings.NACHA = scenes.BROKER
    settings.NACHA_FOLDER = tmp_path / "nacha"


@pytest.fixture
def checking(alice):
    return scenes.verified(alice)


@pytest.fixture
def write(settings):
    """Write what may go at a moment; returns the names of the files."""

    def write(now=scenes.LATER):
        found = list(files.write_all(originator=settings.NACHA, now=now))
        return [str(one.file) for one in found]

    return write


@pytest.fixture
def sent(settings):
    """A file of the folder, as the independent reader reads it."""
    return lambda name: scenes.read(settings.NACHA_FOLDER / name)

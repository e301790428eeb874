"""A file for the channel layer, layers on it, and a count of poller threads from zero."""

import pytest

from be.embedded.channel_layer import EmbeddedChannelLayer
from be.tests.channel_layer import layers


@pytest.fixture
def path(tmp_path):
    return tmp_path / "made" / "on demand" / "channels.sqlite3"


@pytest.fixture
async def make_layer(path):
    """Make layers on one file."""
    made = []

    def make(**config):
        made.append(EmbeddedChannelLayer(path=str(path), **{"poll_interval": 0.01} | config))
        return made[-1]

    yield make
    for layer in made:
        await layer.close()


@pytest.fixture(autouse=True)
def _know_other_pollers():
    layers.other_pollers.clear()
    layers.other_pollers.update(layers.pollers())

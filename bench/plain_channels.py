"""Plain Channels: a consumer for each socket, which is in the group and sends what it receives.

The text is encoded before it is published, so that nothing is encoded here.
"""

import os
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "be.settings")
django.setup(set_prefix=False)

from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.routing import ProtocolTypeRouter  # noqa: E402

from exchange.streaming import publisher  # noqa: E402


class Consumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no type hints
    async def connect(self) -> None:
        await self.channel_layer.group_add(publisher.GROUP, self.channel_name)
        await self.accept()

    async def stream_text(self, message: dict[str, Any]) -> None:
        await self.send(text_data=message["text"])


application = ProtocolTypeRouter({"websocket": Consumer.as_asgi()})

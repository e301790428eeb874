"""The ASGI application: HTTP goes to Django, WebSockets to the exchange's streaming."""

import os

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "be.settings")
http = get_asgi_application()  # first: what follows imports models

from be import daphne_stop  # noqa: E402
from exchange.streaming import routing  # noqa: E402

daphne_stop.install()
application = ProtocolTypeRouter({"http": http, "websocket": routing.application})

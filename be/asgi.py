"""The ASGI application: HTTP goes to Django, WebSockets to the exchange's streaming."""

import os

import django
from channels.routing import ProtocolTypeRouter

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "be.settings")
django.setup(set_prefix=False)  # first: what follows imports models

from django.conf import settings  # noqa: E402

from be import daphne_stop, proxies  # noqa: E402
from be.http import HTTPHandler  # noqa: E402
from be.proxies import BehindProxies  # noqa: E402
from exchange.streaming import routing  # noqa: E402

daphne_stop.install()
proxies.install()
application = BehindProxies(
    ProtocolTypeRouter({"http": HTTPHandler(), "websocket": routing.application}),
    settings.TRUSTED_PROXIES,
)

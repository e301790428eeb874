"""The ASGI application: HTTP goes to Django, WebSockets to the exchange's streaming."""

import os

import django
from channels.routing import ProtocolTypeRouter

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "be.settings")
django.setup(set_prefix=False)  # first: what follows imports models

from django.conf import settings  # noqa: E402

from be.serving import daphne_shutdown, mail_thread, proxies  # noqa: E402
from be.serving.http_handler import HTTPHandler  # noqa: E402
from be.serving.proxies import BehindProxies  # noqa: E402
from exchange.streaming import routing  # noqa: E402

daphne_shutdown.install()
proxies.install()
application = BehindProxies(
    ProtocolTypeRouter(
        {"http": mail_thread.started_by(HTTPHandler()), "websocket": routing.application}
    ),
    settings.TRUSTED_PROXIES,
)

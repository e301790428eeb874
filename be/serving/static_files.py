"""Static files, served by WhiteNoise without a thread for each request."""

import warnings
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]  # it has no types
    """WhiteNoise that also works as asynchronous middleware.

    Under Django's ASGI handler a synchronous middleware needs a thread for every request, which
    waits for the event loop. A server that stops its loop would wait for these threads for ever.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        with warnings.catch_warnings():
            # The files need not be collected: they are found where they are.
            warnings.filterwarnings("ignore", "No directory at")
            super().__init__(get_response)
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if iscoroutinefunction(self):
            return self._answer(request)
        response: HttpResponseBase = super().__call__(request)
        return response

    async def _answer(self, request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        file = self.find_file(path) if self.autorefresh else self.files.get(path)
        response: HttpResponseBase = (
            await self.get_response(request) if file is None else self.serve(file, request)
        )
        return response

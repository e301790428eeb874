"""Django's handler, with a shorter way for requests to the API.

Some middleware of the settings does nothing for the API, which has no cookies, no files and no
sessions; and a path that was asked for before needs no search through the URLs.
"""

from contextlib import suppress
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, ResolverMatch, get_resolver
from django.utils.module_loading import import_string

from be.serving.page_middleware import API

# What each of them does is for pages: it lets a request to the API pass as it came.
PAGES_ONLY = frozenset(
    {
        "be.serving.page_headers.PageHeaders",
        "be.serving.static_files.StaticFilesMiddleware",
        "be.serving.page_middleware.Sessions",
        "django.middleware.csrf.CsrfViewMiddleware",  # views of the API are exempt from it
        "be.serving.page_middleware.Users",
        "be.serving.page_middleware.Messages",
        "be.serving.page_middleware.OddLookups",
    }
)
# Below the API, but for browsers: a page may set a cookie against forged forms.
DOCUMENTS = ("/api/schema/", "/api/docs/", "/api/redoc/", "/api/asyncapi/")
REMEMBERED_PATHS = 1024
LONGEST_REMEMBERED = 200


class ShortWayHandler(ASGIHandler):
    """A synchronous handler; all other middleware is passed by every request."""

    # Django's, which its stubs leave out.
    _middleware_chain: Any
    _get_response: Any

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=is_async)
        whole, short = self._middleware_chain, self._short_chain()
        self._find_remembered = lru_cache(REMEMBERED_PATHS)(get_resolver().resolve)

        def answer(request: HttpRequest) -> HttpResponseBase:
            chain = short if self._is_of_api(request.path_info) else whole
            response: HttpResponseBase = chain(request)
            return response

        self._middleware_chain = answer

    def _short_chain(self) -> Any:
        chain = convert_exception_to_response(self._get_response)
        for name in reversed(settings.MIDDLEWARE):
            if name not in PAGES_ONLY:
                with suppress(MiddlewareNotUsed):  # it has asked to be left out
                    chain = convert_exception_to_response(import_string(name)(chain))
        return chain

    def _is_of_api(self, path: str) -> bool:
        """Whether a view of the API answers; its documents, and their pages, are no such views."""
        if not path.startswith(API) or path.startswith(DOCUMENTS):
            return False
        try:
            return getattr(self._match(path).func, "csrf_exempt", False)
        except Resolver404:
            return False

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """As Django's, for the URLs of the settings."""
        request.resolver_match = self._match(request.path_info)
        return request.resolver_match

    def _match(self, path: str) -> ResolverMatch:
        if len(path) > LONGEST_REMEMBERED:
            return get_resolver().resolve(path)
        return self._find_remembered(path)

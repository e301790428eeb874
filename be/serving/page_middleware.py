"""Middleware that only pages need: the API has no cookies, and so no sessions and no messages."""

from typing import Any

from django.contrib.admin.views.main import ERROR_FLAG
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.deprecation import MiddlewareMixin

API = "/api/"
ADMIN = "/admin/"


class _PagesOnly(MiddlewareMixin):
    def __call__(self, request: HttpRequest) -> Any:
        if request.path_info.startswith(API):
            return self.get_response(request)
        return super().__call__(request)


class Sessions(_PagesOnly, SessionMiddleware):
    pass


class Users(_PagesOnly, AuthenticationMiddleware):
    pass


class Messages(_PagesOnly, MessageMiddleware):
    pass


class OddLookups(MiddlewareMixin):
    """A list of the admin that is asked for what no database has, a year of eleven digits say.

    Django leads other lookups that make no sense back to the list, with a word about it; this one
    it lets through to an error.
    """

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, OverflowError) and request.path_info.startswith(ADMIN):
            return HttpResponseRedirect(f"{request.path}?{ERROR_FLAG}=1")
        return None

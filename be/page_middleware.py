"""Middleware that only pages need: the API has no cookies, and so no sessions and no messages."""

from typing import Any

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.utils.deprecation import MiddlewareMixin

API = "/api/"


class _OfPages(MiddlewareMixin):
    def __call__(self, request: HttpRequest) -> Any:
        if request.path_info.startswith(API):
            return self.get_response(request)
        return super().__call__(request)


class Sessions(_OfPages, SessionMiddleware):
    pass


class Users(_OfPages, AuthenticationMiddleware):
    pass


class Messages(_OfPages, MessageMiddleware):
    pass

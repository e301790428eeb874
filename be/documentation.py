"""The pages that show the API: Swagger UI and ReDoc, from our own files alone."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerView

# ReDoc's bundle asks its maker's host for a logo; the browser is told to ask nobody but us.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; worker-src blob:; connect-src 'self'"
)


def _from_here_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        response = view(request)
        response["Content-Security-Policy"] = POLICY
        return response

    return answer


swagger = _from_here_only(SpectacularSwaggerView.as_view(url_name="schema"))
redoc = _from_here_only(SpectacularRedocView.as_view(url_name="schema", template_name="redoc.html"))

"""The first page: what this is, and a small trading page. Its scripts use the public API."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def first_page(request: HttpRequest) -> HttpResponse:
    """The page. The demo customer's password is on it only while DEBUG is on."""
    demo = None
    if settings.DEBUG:
        demo = {"email": settings.DEMO_EMAIL, "password": settings.DEMO_PASSWORD}
    context = {
        "demo": demo,
        "sandbox": getattr(settings, "BANK_RAIL", "sandbox") == "sandbox",
        "version": settings.VERSION,
    }
    response = render(request, "index.html", context)
    response["Cache-Control"] = "no-cache"
    return response

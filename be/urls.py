"""Every path of the server: the admin, the APIs of the apps, their documents, the first page."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.decorators.csrf import csrf_exempt

from authentication.api.jwks import jwks
from be.api import problems
from be.pages import documentation, first_page

urlpatterns = [
    path("", first_page.first_page, name="first_page"),
    # What links in mails lead to; the page's script reads the token that follows the #.
    path("verify/", first_page.first_page),
    path("reset/", first_page.first_page),
    path("admin/", admin.site.urls),
    path(".well-known/jwks.json", jwks),
    path("api/auth/", include("authentication.api.urls")),
    path("api/banking/", include("banking.api.urls")),
    path("api/exchange/api/v1/", include("exchange.api.urls")),
    path("api/portfolio/", include("portfolio.api.urls")),
    path("api/schema/", documentation.Schema.as_view(), name="schema"),
    path("api/docs/", documentation.swagger, name="docs"),
    path(
        "api/redoc/",
        documentation.redoc,
        name="redoc",
    ),
    path("api/asyncapi/", documentation.asyncapi, name="asyncapi"),
    path("api/asyncapi/docs/", documentation.streaming_page, name="streaming"),
    # Also while DEBUG is on, what is missing under /api/ is a problem document and not a page.
    re_path(r"^api/", csrf_exempt(problems.not_found)),
]

handler400 = "be.api.problems.bad_request"
handler404 = "be.api.problems.not_found"
handler500 = "be.api.problems.server_error"

"""The admin's site: django-unfold's, without inline styles, with a search of the project's own."""

from typing import TYPE_CHECKING, Any, cast

from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import reverse

from authentication import admin_login
from be.admin_pages.base import ModelAdmin
from be.desk import search, staff
from be.desk.audited import audited

if TYPE_CHECKING:  # unfold has no types
    from django.contrib.admin import AdminSite
else:
    from unfold.sites import UnfoldAdminSite as AdminSite


class Site(AdminSite):
    """The admin. `password_change_form` is the form for one's own password."""

    password_change_form: Any = None
    login_template = "desk/login.html"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """As Django's; what is changed by the pages is in the audit log."""
        super().register(model_or_iterable, audited(admin_class or ModelAdmin), **options)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What every page is given; the colours come from a file, so that no page has a style."""
        context = super().each_context(request)
        return {
            **context,
            "colors": None,
            "styles": [static("desk/colors.css"), static("desk/desk.css")],
            "scripts": [static("desk/no_inline_styles.js"), static("desk/passkey.js")],
        }

    def has_permission(self, request: HttpRequest) -> bool:
        """Active staff; who has a second factor has signed in by it."""
        return super().has_permission(request) and admin_login.has_brought_all(request)

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page to sign in. What redirects after a form was sent is a sign-in."""
        response: HttpResponse = super().login(request, extra_context)
        if request.method == "POST" and isinstance(response, HttpResponseRedirect):
            admin_login.note_sign_in(request)
        return response

    def search(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What the words in the box may mean; straight to the page if there is one thing only."""
        query = request.GET.get("q", "")
        hits = search.find(query, by=staff.acting(request))
        if len(hits) == 1:
            return HttpResponseRedirect(hits[0].link)
        context = {**self.each_context(request), "title": "Search", "query": query, "hits": hits}
        return TemplateResponse(request, "desk/search.html", context)

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """The page for one's own password, with the form that also ends sessions."""
        view = PasswordChangeView.as_view(
            form_class=self.password_change_form,
            template_name="desk/password_change.html",
            success_url=reverse("admin:password_change_done"),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        return cast("TemplateResponse", view(request))

"""Django's admin, with this project's site."""

from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class AdminConfig(DjangoAdminConfig):
    """The admin, on the site of `be/desk/site.py`."""

    default_site = "be.desk.site.Site"

"""Customers as the desk sees them: a view of the users, for the permissions that it names."""

from authentication.models import User


class Customer(User):
    """A user, on the page that tells their whole story. It has no table of its own."""

    class Meta:
        proxy = True
        default_permissions = ("view",)
        permissions = [
            ("freeze_customer", "Can freeze a customer"),
            ("unfreeze_customer", "Can unfreeze a customer"),
        ]

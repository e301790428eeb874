"""Users, for the tests of this app and of the apps above it."""

from django.utils import timezone
from factory.declarations import LazyFunction, Sequence
from factory.django import DjangoModelFactory, Password

from authentication.models import User

PASSWORD = "a horse, a staple"


class UserFactory(DjangoModelFactory[User]):
    """An active user with a verified e-mail, whose password is PASSWORD."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    email = Sequence(lambda n: f"trader{n}@example.com")
    first_name = "Alice"
    last_name = "Archer"
    password = Password(PASSWORD)
    email_verified_at = LazyFunction(timezone.now)

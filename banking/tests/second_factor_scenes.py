"""What tests in a browser need beside the page: a customer with money, and time that has passed."""

from decimal import Decimal

from django.utils import timezone

from authentication import registration, sessions
from authentication.models import Session, User
from banking import statement, transactions
from banking.models import BankAccount
from banking.rules.assets import USD
from banking.tests.factories import BankAccountFactory


def register(email: str, password: str) -> None:
    """A customer with a bank account and $100."""
    now = timezone.now()
    user = registration.register(
        email=email, password=password, first_name="", last_name="", now=now
    )
    account = BankAccountFactory.create(owner=user)
    transactions.deposit(owner=user, account_id=account.pk, amount=Decimal("100.00"), now=now)


def sign_in_elsewhere(email: str) -> None:
    """A second session, from another address."""
    user = User.objects.get(email=email)
    sessions.open_session(
        user=user, user_agent="A browser", ip_address="192.0.2.9", now=timezone.now()
    )


def forget_step_ups(email: str) -> None:
    """As after five minutes."""
    Session.objects.filter(user__email=email).update(stepped_up_at=None)


def withdrawal(email: str) -> dict[str, str]:
    """The body of a withdrawal of $10."""
    account = BankAccount.objects.get(owner__email=email)
    return {"account": str(account.pk), "type": "withdrawal", "amount": "10.00"}


def dollars(email: str) -> str:
    """What the customer has."""
    dollars = statement.balances(owner=User.objects.get(email=email))[0]
    return str(USD.amount(dollars.available + dollars.held))

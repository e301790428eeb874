"""Paths below /api/banking/."""

from rest_framework.routers import SimpleRouter

from banking.api import views


class AnyIdRouter(SimpleRouter):
    """Routes any text as an id: the view answers a malformed one with 404, like a missing one."""

    def get_lookup_regex(self, viewset: object, lookup_prefix: str = "") -> str:
        return "(?P<id>[^/]+)"


router = AnyIdRouter()
router.register("accounts", views.BankAccountViewSet, basename="banking-accounts")
router.register("transactions", views.BankTransactionViewSet, basename="banking-transactions")
router.register("balances", views.BalanceViewSet, basename="banking-balances")
router.register("limits", views.TransferLimitsViewSet, basename="banking-limits")
router.register("statement", views.StatementViewSet, basename="banking-statement")

urlpatterns = router.urls

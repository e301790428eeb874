"""manage.py run_corporate_actions"""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from exchange.corporate import due
from exchange.models import CorporateAction


class Command(BaseCommand):
    help = (
        "Announce what bonds will pay, and carry out the coupons, redemptions, dividends and "
        "splits that are due. It may be run as often as you like; a running simulator does it too."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        done = due.run(now=timezone.now())
        for each in done:
            self.stdout.write(
                f"{each.action.instrument.symbol}: {each.action.kind} of "
                f"{each.action.ex_date}, {each.holders} holders"
            )
        coming = CorporateAction.objects.filter(carried_out_at__isnull=True)
        self.stdout.write(f"{len(done)} carried out, {coming.count()} to come.")

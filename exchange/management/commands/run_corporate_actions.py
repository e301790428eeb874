"""manage.py run_corporate_actions"""

from typing import Any

from django.utils import timezone

from be.database.base_commands import DatabaseCommand
from exchange.corporate import processing
from exchange.models import ActionKind, CorporateAction
from exchange.simulator.run import lease


class Command(DatabaseCommand):
    help = (
        "Announce what bonds will pay, and carry out the coupons, redemptions, dividends and "
        "splits that are due. It may be run as often as you like; a running simulator does it too."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        holder = lease.new_holder()
        # A simulator has to quote in new shares from the split on. So a running one carries out the
        # split itself, and none may start while this command does it.
        try:
            lease.acquire(holder, now=now)
            busy = False
        except lease.LeaseTaken:
            busy = True
        try:
            done = processing.run(now=now, without=[ActionKind.SPLIT] if busy else [])
        finally:
            lease.release(holder)
        for each in done:
            self.stdout.write(
                f"{each.action.instrument.symbol}: {each.action.kind} of "
                f"{each.action.ex_date}, {each.holders} holders"
            )
        coming = CorporateAction.objects.filter(carried_out_at__isnull=True)
        if busy:
            self.stdout.write("Splits are left to the simulator that is running.")
        for action in coming.select_related("instrument").order_by("ex_date", "pk"):
            if action.state != "to come":
                self.stdout.write(f"{action}: {action.state}. {action.failure}".rstrip())
        self.stdout.write(f"{len(done)} carried out, {coming.count()} to come.")

"""The lease that lets one simulator at a time write prices: a row, renewed with every round."""

import os
import socket
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q

from exchange.models import SIMULATOR, Simulator


class LeaseTaken(RuntimeError):
    """Another simulator is running."""


class LeaseLost(RuntimeError):
    """This simulator did not renew its lease in time, and another one took over."""


def new_holder() -> str:
    """A unique name for this process: host, process id, and a few random characters."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{os.urandom(3).hex()}"


def acquire(holder: str, *, now: datetime) -> Simulator:
    """Take the lease if it is free or has run out. Raises LeaseTaken that names the holder."""
    Simulator.objects.get_or_create(name=SIMULATOR)
    before = Simulator.objects.get(name=SIMULATOR).holder
    free = Q(holder="") | Q(lease_until__lt=now) | Q(lease_until__isnull=True)
    if _is_dead_process(before):
        free |= Q(holder=before)
    taken = Simulator.objects.filter(free, name=SIMULATOR).update(
        holder=holder, lease_until=_until(now)
    )
    simulator = Simulator.objects.get(name=SIMULATOR)
    if not taken:
        raise LeaseTaken(
            f"A simulator is running already ({simulator.holder}). Stop it, or wait until its "
            f"lease runs out at {simulator.lease_until:%H:%M:%S} UTC."
        )
    return simulator


def _is_dead_process(holder: str) -> bool:
    """Whether the holder was a process of this machine that was killed without releasing it."""
    host, _, rest = holder.rpartition(":")[0].rpartition(":")
    if host != socket.gethostname()[:40] or not rest.isdigit():
        return False
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def renew(holder: str, *, now: datetime, state: dict[str, Any] | None) -> None:
    """Extend the lease and store the model's state. Raises LeaseLost if another holds it."""
    kept = Simulator.objects.filter(name=SIMULATOR, holder=holder).update(
        lease_until=_until(now), state=state
    )
    if not kept:
        raise LeaseLost("Another simulator has taken over; this one stops.")


def release(holder: str) -> None:
    """Give up the lease, so that the next simulator need not wait."""
    Simulator.objects.filter(name=SIMULATOR, holder=holder).update(holder="", lease_until=None)


def _until(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.SIMULATOR_LEASE_SECONDS)

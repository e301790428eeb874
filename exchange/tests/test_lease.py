"""The lease: one writer of prices at a time."""

import os
import subprocess
from datetime import timedelta

import pytest

from exchange.models import Simulator
from exchange.simulator.run import lease
from exchange.tests.market import NOW

pytestmark = pytest.mark.django_db


def test_the_first_one_takes_the_lease_and_a_second_is_told_who_has_it():
    lease.acquire("one", now=NOW)
    with pytest.raises(lease.LeaseTaken, match="one"):
        lease.acquire("two", now=NOW + timedelta(seconds=5))


def test_the_lease_of_a_dead_owner_is_taken_over_and_the_dead_one_learns_it():
    lease.acquire("one", now=NOW)
    lease.acquire("two", now=NOW + timedelta(seconds=11))
    with pytest.raises(lease.LeaseLost):
        lease.renew("one", now=NOW + timedelta(seconds=12), state=None)
    assert Simulator.objects.get().holder == "two"


def test_a_renewed_lease_lasts_on():
    lease.acquire("one", now=NOW)
    lease.renew("one", now=NOW + timedelta(seconds=9), state={"tick": 5})
    with pytest.raises(lease.LeaseTaken):
        lease.acquire("two", now=NOW + timedelta(seconds=12))
    assert Simulator.objects.get().state == {"tick": 5}


def test_a_released_lease_is_free_at_once_and_only_its_owner_releases_it():
    lease.acquire("one", now=NOW)
    lease.release("two")
    with pytest.raises(lease.LeaseTaken):
        lease.acquire("two", now=NOW)
    lease.release("one")
    lease.acquire("two", now=NOW)


def test_the_lease_of_a_process_that_was_killed_on_this_machine_is_free_at_once():
    with subprocess.Popen(["true"]) as process:
        pass  # it has ended
    dead = lease.new_holder().replace(f":{os.getpid()}:", f":{process.pid}:")
    lease.acquire(dead, now=NOW)
    lease.acquire("two", now=NOW + timedelta(seconds=1))
    assert Simulator.objects.get().holder == "two"


def test_the_lease_of_a_living_process_or_another_machine_is_not():
    lease.acquire(lease.new_holder(), now=NOW)
    with pytest.raises(lease.LeaseTaken):
        lease.acquire("two", now=NOW + timedelta(seconds=1))
    Simulator.objects.update(holder="elsewhere:999999999:abc")
    with pytest.raises(lease.LeaseTaken):
        lease.acquire("two", now=NOW + timedelta(seconds=1))

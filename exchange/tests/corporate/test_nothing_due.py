"""Bonds of which nothing is to be announced cost three statements, and no other is passed over."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from exchange.corporate import announcements, processing
from exchange.models import Bond, CorporateAction, Instrument
from exchange.tests.corporate.actions import noon
from exchange.tests.market import make_bond, make_instrument

pytestmark = pytest.mark.django_db

TODAY = date(2026, 3, 2)


def announce(today: date = TODAY) -> None:
    announcements.announce(today=today, now=noon(today))


def rows() -> list[tuple[object, ...]]:
    fields = ("instrument__symbol", "kind", "ex_date", "payable_date", "amount")
    return sorted(CorporateAction.objects.values_list(*fields))


def make_bonds(count: int) -> None:
    make_instrument("AAPL")
    for number in range(count):
        start = date(2020 + number % 3, 1 + number % 12, 1 + number % 28)
        frequency = (2, 1, 4, 0)[number % 4]
        make_bond(
            f"BOND-{number}",
            issue_date=start,
            maturity_date=start.replace(year=2026 + number % 5),
            frequency=frequency,
            coupon_rate=Decimal("0.06") if frequency else Decimal(0),
        )


def test_what_is_announced_is_not_looked_at_again(
    django_assert_num_queries: DjangoAssertNumQueries,
):
    make_bonds(24)
    announce()
    announced = rows()
    assert {row[0] for row in announced} == {f"BOND-{number}" for number in range(24)}
    CorporateAction.objects.filter(payable_date__lte=TODAY).update(carried_out_at=noon(TODAY))
    with django_assert_num_queries(3):
        announce()
    with django_assert_num_queries(4):  # and one for what is due: nothing is
        assert processing.run(now=noon(TODAY)) == []
    assert rows() == announced


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 2500), min_size=1, max_size=4).map(sorted))
def test_a_look_at_all_bonds_finds_nothing_that_was_passed_over(days: list[int]):
    CorporateAction.objects.all().delete()
    Instrument.objects.all().delete()
    make_bonds(12)
    everything = [*Bond.objects.values_list("pk", flat=True)]
    with pytest.MonkeyPatch.context() as patch:
        for number in days:
            today = date(2024, 1, 1) + timedelta(days=number)
            announce(today)
            announced = rows()
            patch.setattr(announcements, "_unfinished", lambda _: everything)
            announce(today)
            patch.undo()
            assert rows() == announced
            CorporateAction.objects.filter(payable_date__lte=today).update(
                carried_out_at=noon(today)
            )


@pytest.mark.parametrize("is_carried_out", [True, False])
def test_what_was_deleted_or_has_other_dates_is_put_right(is_carried_out: bool):
    make_bonds(8)
    announce()
    announced = rows()
    assert len(announced) > 20
    CorporateAction.objects.filter(payable_date__lte=TODAY).update(carried_out_at=noon(TODAY))
    of_either_kind = CorporateAction.objects.filter(carried_out_at__isnull=not is_carried_out)
    CorporateAction.objects.filter(pk=of_either_kind[0].pk).delete()
    for action in CorporateAction.objects.filter(ex_date__gt=TODAY + timedelta(days=5)):
        action.ex_date -= timedelta(days=3)
        action.payable_date += timedelta(days=1)
        action.save()
    announce()
    assert rows() == announced


def test_a_new_bond_is_announced_at_once_and_one_with_other_terms_too():
    make_bonds(4)
    announce()
    new = make_bond("NEW")
    announce()
    assert new.corporate_actions.exists()
    before = new.corporate_actions.count()
    Bond.objects.filter(pk=new.pk).update(frequency=4)
    announce()
    assert new.corporate_actions.count() > before

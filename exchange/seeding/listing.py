"""Listing the catalogue's instruments: rows in the database."""

from collections.abc import Sequence
from datetime import datetime

from be.kernel.identifiers import uuid7
from exchange.models import Bond, Instrument
from exchange.simulator.model.specs import InstrumentSpec


def list_instruments(specs: Sequence[InstrumentSpec], *, now: datetime) -> int:
    """List the instruments that are not listed yet; returns how many. Listed ones do not change."""
    known = set(Instrument.objects.values_list("symbol", flat=True))
    new = [spec for spec in specs if spec.symbol not in known]
    for spec in new:
        _list(spec, now)
    return len(new)


def _list(spec: InstrumentSpec, now: datetime) -> None:
    instrument = Instrument.objects.create(
        id=uuid7(now),
        symbol=spec.symbol,
        name=spec.name,
        asset_class=spec.asset_class,
        scale=spec.scale,
        price_increment=spec.price_increment,
        quantity_increment=spec.quantity_increment,
        min_quantity=spec.min_quantity,
    )
    if spec.bond is not None:
        Bond.objects.create(
            instrument=instrument,
            coupon_rate=spec.bond.coupon_rate,
            issue_date=spec.bond.issue_date,
            maturity_date=spec.bond.maturity_date,
            frequency=spec.bond.frequency,
            day_count=spec.bond.day_count,
            face_value=spec.bond.face_value,
        )

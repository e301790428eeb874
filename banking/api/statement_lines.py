"""The lines of a statement as JSON shows them; `StatementLineSerializer` is their schema."""

from banking.rules.assets import USD
from banking.statement import Line
from be.kernel.formats import money_cents, plain_units, time_text


def document(line: Line) -> dict[str, str]:
    """The line as the serializer would show its posting, without a model instance."""
    key, bucket, units, asset, scale, kind, reference, created_at = line
    return {
        "id": str(key),
        "asset": asset,
        "bucket": bucket,
        "amount": money_cents(units) if asset == USD.code else plain_units(units, scale),
        "kind": kind,
        "reference": str(reference),
        "created_at": time_text(created_at),
    }

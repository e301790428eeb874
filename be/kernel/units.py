"""The units of ratios, as the descriptions of fields in the schema name them."""

PERCENT = 'In percent: "5" is 5 %.'
FRACTION = 'A fraction: "0.05" is 5 %.'
NUMBER = "A plain number, neither percent nor a fraction of something."


def described(help_text: str, unit: str) -> str:
    """The description of a field, with its unit at the end."""
    return f"{help_text} {unit}".strip()

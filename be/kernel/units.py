"""What a ratio is counted in. Every field that is one says so in the schema, in these words."""

PERCENT = 'In percent: "5" is 5 %.'
FRACTION = 'A fraction: "0.05" is 5 %.'
NUMBER = "A plain number, neither percent nor a fraction of something."


def described(help_text: str, unit: str) -> str:
    """A field's own words, and then its unit."""
    return f"{help_text} {unit}".strip()

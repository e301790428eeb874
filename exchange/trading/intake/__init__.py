"""From a customer's request to a checked order, not saved yet; nothing is locked or moved."""

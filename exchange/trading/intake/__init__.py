"""What a customer asks for, checked and written out as an order; nothing is locked or moved."""

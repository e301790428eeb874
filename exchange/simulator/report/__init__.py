"""Whether prices behave like real ones: statistics and a page of them; pure Python, no Django."""

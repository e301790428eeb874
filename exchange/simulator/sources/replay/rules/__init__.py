"""How the text of a price file is read; pure Python, no Django."""

"""How settings are read and checked before anything starts; pure Python, no Django."""

"""Calendars, bond mathematics, price grids and price levels; pure Python, no Django."""

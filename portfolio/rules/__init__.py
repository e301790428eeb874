"""Tax lots, returns and figures of risk; pure Python, no Django."""

"""Messages, frames, and what a slow client is still owed; pure Python, no Django."""

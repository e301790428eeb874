"""Messages, frames, the order of updates and the queue of a slow client; pure Python, no Django."""

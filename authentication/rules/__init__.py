"""Rules of users and their rights; pure Python, no Django."""

"""One command in each module: its options and its output."""

"""One command a module: what to run and what to say."""

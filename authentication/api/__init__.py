"""HTTP for users, sessions and tokens; thin, and no rule."""

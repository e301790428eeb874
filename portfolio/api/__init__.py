"""HTTP for holdings, lots, gains and performance; thin, and no rule."""

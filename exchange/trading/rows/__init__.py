"""The SQL and the rows of orders and of the market that they meet; no rule."""

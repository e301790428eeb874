"""The SQL and the rows of orders and of the market that they trade in; no rules."""

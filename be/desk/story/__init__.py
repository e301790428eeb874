"""A customer's whole story on one page: parts, each of which is one table or list of facts."""

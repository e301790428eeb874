"""Tests of the ledger and of transfers, with the factories for their rows."""

"""Tests of holdings, lots, returns and risk, with the accounts that they share."""

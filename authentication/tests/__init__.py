"""Tests of users, sessions and tokens, and the API client that all tests use."""

"""Tests of the channel layer that needs no server, `be/embedded/`."""

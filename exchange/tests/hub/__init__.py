"""Tests of the hub: a real database, a real embedded channel layer, sockets that are lists."""

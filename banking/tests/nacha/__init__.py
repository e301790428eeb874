"""Tests of files to and from banks."""

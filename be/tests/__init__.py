"""Tests of the whole: servers, pages, settings, the contract and the project itself."""

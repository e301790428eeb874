"""Tests of the project as a whole: servers, pages, settings, the schema and the documentation."""

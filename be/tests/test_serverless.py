"""`make test-servers` leaves to `make test` what uses no database, and nothing else."""

import pytest


def is_serverless(request: pytest.FixtureRequest) -> bool:
    return request.node.get_closest_marker("serverless") is not None


def test_without_a_database(request):
    assert is_serverless(request)


def test_with_a_fixture_that_needs_one(request, db):
    assert not is_serverless(request)


@pytest.mark.django_db
def test_with_the_mark(request):
    assert not is_serverless(request)

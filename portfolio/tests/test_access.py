"""Who may ask."""

import pytest
from rest_framework.test import APIClient

from authentication.tests.problems import assert_problem

PATHS = [
    "holdings",
    "performance",
    "contribution",
    "lots",
    "realized",
    "allocation",
    "income",
    "settings",
    "statements",
    "statements/2026",
    "wash-sales",
    "form-8949",
    "beancount",
]


@pytest.mark.django_db
@pytest.mark.parametrize("path", PATHS)
def test_nobody_is_told_anything_without_a_token(path):
    response = APIClient().get(f"/api/portfolio/{path}/")

    assert_problem(response, status=401, code="not_authenticated")


@pytest.mark.django_db
@pytest.mark.parametrize("path", PATHS)
def test_nobody_is_told_anything_with_a_bad_token(path):
    response = APIClient().get(f"/api/portfolio/{path}/", headers={"Authorization": "Bearer x"})

    assert_problem(response, status=401, code="invalid_token")

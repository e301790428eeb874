"""The form of every refusal."""

from typing import Any


def assert_problem(response: Any, *, status: int, code: str, field: str = "") -> None:
    """A problem document with this code that names this field, or none."""
    assert response.status_code == status, response.content
    assert response["Content-Type"].startswith("application/problem+json")
    document: dict[str, Any] = response.json()
    assert document["status"] == status
    assert document["code"] == code
    named = {error["field"] for error in document["errors"]}
    assert named == ({field} if field else set())

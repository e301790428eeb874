"""How the domain says no: one class per reason, without any HTTP machinery."""

from typing import ClassVar


class Refusal(Exception):
    """A request that is understood and declined; nothing has moved.

    Subclasses stand beside the code that raises them and set `code` (stable, machine-readable),
    `status` (the HTTP status it is shown with) and `title` (the same for every occurrence).

    `detail` tells this occurrence and the next step; `field` names the input at fault, if one is.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 422
    title: ClassVar[str] = "The request was refused"

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field


class NotFound(Refusal):
    """There is no such thing for this user: missing and foreign are told apart by nobody."""

    code = "not_found"
    status = 404
    title = "Not found"


class Invalid(Refusal):
    """An input has the wrong shape or value. `field` always names it."""

    code = "invalid"
    status = 400
    title = "Invalid input"

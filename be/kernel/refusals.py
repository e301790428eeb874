"""How the domain refuses a request: one exception class for each reason, without HTTP."""

from typing import ClassVar


class Refusal(Exception):
    """A request that is understood and declined; nothing was changed.

    Subclasses stand beside the code that raises them. They set `code` (stable, machine-readable),
    `status` (the HTTP status of the answer) and `title` (the same for every occurrence). `detail`
    describes this occurrence and the next step; `field` names the input at fault, if there is one.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 422
    title: ClassVar[str] = "The request was refused"

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field


class NotFound(Refusal):
    """There is no such row for this user. Missing rows and those of others get the same answer."""

    code = "not_found"
    status = 404
    title = "Not found"


class Invalid(Refusal):
    """An input has the wrong shape or value. `field` always names it."""

    code = "invalid"
    status = 400
    title = "Invalid input"

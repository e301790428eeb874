"""Jobs in parallel threads; a Refusal is a result."""

from collections.abc import Callable
from functools import partial

from banking.tests.parallel import at_once
from be.kernel.refusals import Refusal


def in_threads(jobs: list[Callable[[], object]]) -> list[object]:
    """What each job returned, or the Refusal that it raised."""
    return at_once([partial(_outcome, job) for job in jobs])


def _outcome(job: Callable[[], object]) -> object:
    try:
        return job()
    except Refusal as refusal:
        return refusal

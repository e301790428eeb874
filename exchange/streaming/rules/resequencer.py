"""Puts the order updates of one user into the order of their sequence numbers. Pure.

Updates are numbered under a lock and published after it, by several processes, over a channel layer
that may lose them. A number that arrives too early is held for a moment. A number that has not
arrived by then is a gap. It is announced once and never filled later: REST has what was in it.
"""

from exchange.streaming.rules.protocol import OrderUpdate

# Far longer than a publisher waits to fill a batch and than a healthy channel layer takes, also on
# a busy machine: a false gap costs every client a request.
SECONDS_TO_HOLD = 2.0
MAX_HELD = 1000


class Resequencer:
    """Updates are put in as they arrive, and taken out in order.

    `delivered` is the number of the last one taken out or announced as lost; None until
    `start_after`.
    """

    def __init__(self) -> None:
        self.delivered: int | None = None
        self._held: dict[int, OrderUpdate] = {}

    @property
    def is_waiting(self) -> bool:
        """Whether something is held because a number before it is missing."""
        return bool(self._held)

    def start_after(self, sequence: int) -> None:
        """Drop the updates up to this number: the client learns of them from REST."""
        self.delivered = sequence
        self._held = {number: each for number, each in self._held.items() if number > sequence}

    def put(self, update: OrderUpdate) -> None:
        """Add an update; one that was delivered or announced as lost already is dropped."""
        sequence = update.sequence
        if self.delivered is None or sequence > self.delivered:
            self._held[sequence] = update
        if len(self._held) > MAX_HELD:
            del self._held[min(self._held)]

    def take(self) -> list[OrderUpdate]:
        """Remove and return what is in order now."""
        ready = []
        while self.delivered is not None and self.delivered + 1 in self._held:
            self.delivered += 1
            ready.append(self._held.pop(self.delivered))
        return ready

    def skip_missing(self, *, up_to: int = 0) -> int | None:
        """Stop waiting for the numbers before the first that is held; if none is, up to `up_to`.

        Returns the last number that is lost, if any is; `take` then goes on after it.
        """
        if self.delivered is None:
            return None
        lost = min(self._held) - 1 if self._held else up_to
        if lost <= self.delivered:
            return None
        self.delivered = lost
        return lost

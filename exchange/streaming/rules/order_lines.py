"""The order updates of one user, brought into the order of their numbers. Pure.

They are numbered under a lock and published after it, by several processes, over a bus that may
lose them. So a number that comes too early is held for a moment; what does not come by then is a
gap, which is announced once and never filled later: REST has what was in it.
"""

from exchange.streaming.rules.protocol import OrderUpdate

# Far longer than publishers wait to send together, and than the way over a bus that is well: on a
# busy machine a gap that is none costs every client a request.
SECONDS_TO_HOLD = 2.0
MAX_HELD = 1000


class OrderLine:
    """Updates are put in as they come, and taken out in order.

    `delivered` is the number of the last one taken out or announced as lost; None until `begin`.
    """

    def __init__(self) -> None:
        self.delivered: int | None = None
        self._held: dict[int, OrderUpdate] = {}

    @property
    def is_waiting(self) -> bool:
        """Whether something is held because a number before it is missing."""
        return bool(self._held)

    def begin(self, sequence: int) -> None:
        """Updates up to this number are known otherwise."""
        self.delivered = sequence
        self._held = {number: each for number, each in self._held.items() if number > sequence}

    def put(self, update: OrderUpdate) -> None:
        """Add an update; one that was delivered or given up already is dropped."""
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

    def give_up(self, *, counted: int = 0) -> int | None:
        """Wait no longer for what is missing before the first that is held, or up to `counted`.

        Returns the number of the last one that is lost, if any is; `take` then goes on after it.
        """
        if self.delivered is None:
            return None
        lost = min(self._held) - 1 if self._held else counted
        if lost <= self.delivered:
            return None
        self.delivered = lost
        return lost

"""Order updates on their way to the sockets of their owners, in the order of their numbers.

The channel layer may lose updates or swap them. A hub puts them into order, and compares once a
second what it delivered with the owner's number in the database. What is lost is announced to the
sockets as a gap, so that nobody believes for long that an order is still open.
"""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from be.kernel.formats import time_text
from exchange.streaming import snapshots
from exchange.streaming.publish import Document
from exchange.streaming.rules import protocol, resequencer
from exchange.streaming.rules.frames import Frame
from exchange.streaming.rules.protocol import ServerMessage
from exchange.streaming.rules.resequencer import Resequencer
from exchange.streaming.sockets import Socket

# An order's `updated_at` is taken when its transaction begins, by the clock of any of the servers.
SINCE_MARGIN = timedelta(seconds=60)


class OrderUpdates:
    """The updates of all users who have a socket in this process that subscribes to them."""

    def __init__(self) -> None:
        self.owners: dict[UUID, OwnerUpdates] = {}

    async def prepare(self, socket: Socket) -> None:
        """Read the number of the owner's last update; updates that arrive meanwhile are held."""
        if socket.access is None:
            return
        user_id = socket.access.user_id
        while True:
            owner = self.owners.setdefault(user_id, OwnerUpdates(timezone.now()))
            if owner.delivered is not None:
                return
            try:
                counts = await snapshots.order_counts([user_id])
            except BaseException:
                self._forget_unwatched(user_id)
                raise
            if owner.delivered is None:
                owner.resequencer.start_after(counts.get(user_id, 0))
            if self.owners.get(user_id) is owner:
                return  # else the owner's last subscriber has left meanwhile, and nothing is held

    def subscribe(self, socket: Socket) -> None:
        """Send the owner's updates to this socket; `prepare` has just returned."""
        if socket.access is not None:
            self.owners[socket.access.user_id].sockets.add(socket)

    def unsubscribe(self, socket: Socket) -> None:
        """Send nothing more to this socket; it need not have subscribed."""
        if socket.access is not None and socket.access.user_id in self.owners:
            self.owners[socket.access.user_id].sockets.discard(socket)
            self._forget_unwatched(socket.access.user_id)

    def _forget_unwatched(self, user_id: UUID) -> None:
        if user_id in self.owners and not self.owners[user_id].sockets:
            del self.owners[user_id]

    def updates_for(self, socket: Socket) -> "OwnerUpdates | None":
        """The updates that the socket subscribes to."""
        owner = None if socket.access is None else self.owners.get(socket.access.user_id)
        return owner if owner is not None and socket in owner.sockets else None

    def receive(self, user_id: UUID, updates: Iterable[Document]) -> None:
        """Take updates from the channel layer, in whatever order they come."""
        if (owner := self.owners.get(user_id)) is not None:
            owner.receive(updates)

    def compare(self, counts: Mapping[UUID, int], *, now: datetime) -> None:
        """Compare with the last numbers in the database, by user, as they were at `now`."""
        for user_id, owner in self.owners.items():
            owner.compare(counts.get(user_id, 0), now=now)


class OwnerUpdates:
    """The updates of one user's orders, and the sockets that subscribe to them."""

    __slots__ = ("_complete_at", "_counts", "resequencer", "sockets")

    def __init__(self, now: datetime) -> None:
        self.resequencer = Resequencer()
        self.sockets: set[Socket] = set()
        # When the sockets were last known to have every update.
        self._complete_at = now
        # The number in the database, two checks ago and at the last one.
        self._counts = (0, 0)

    @property
    def delivered(self) -> int | None:
        """The number of the last update that was sent or announced as lost; None at first."""
        return self.resequencer.delivered

    def receive(self, updates: Iterable[Document]) -> None:
        was_waiting = self.resequencer.is_waiting
        for update in updates:
            self.resequencer.put(protocol.read_order_update(update))
            self.deliver()
        if self.resequencer.is_waiting and not was_waiting:
            asyncio.get_running_loop().call_later(resequencer.SECONDS_TO_HOLD, self._skip_missing)

    def deliver(self) -> None:
        """Send the updates whose turn has come."""
        for update in self.resequencer.take():
            self._send(update)

    def _skip_missing(self) -> None:
        """What is still missing is lost: say so, and go on with what is there."""
        while self.resequencer.is_waiting and (lost := self.resequencer.skip_missing()) is not None:
            self._announce_gap(lost)

    def compare(self, count: int, *, now: datetime) -> None:
        """Announce updates that the channel layer did not bring within two checks."""
        delivered = self.delivered
        if delivered is None or self.resequencer.is_waiting:
            return
        due, last = self._counts
        if due > delivered and (lost := self.resequencer.skip_missing(up_to=due)) is not None:
            self._announce_gap(lost)
            delivered = lost
        if count <= delivered:
            self._complete_at = now
        self._counts = (last, count)

    def _announce_gap(self, lost: int) -> None:
        # From `since` on REST has everything that the sockets may have missed.
        since = time_text(self._complete_at - SINCE_MARGIN)
        self._send(protocol.Gap(channel=protocol.ORDERS, sequence=lost, since=since))
        self.deliver()

    def _send(self, message: ServerMessage) -> None:
        frame = Frame(protocol.encode(message))
        for socket in self.sockets:
            socket.put(frame)

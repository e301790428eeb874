"""The bounded queue of frames for a client that reads slowly. Pure."""

from collections import deque

from exchange.streaming.rules.frames import Frame

MAX_QUEUED_FRAMES = 1000
MAX_QUEUED_BYTES = 1024 * 1024


class Outbox:
    """Frames that must arrive, in order. Prices are not queued: the hub has the newest ones."""

    __slots__ = ("_bytes", "_frames")

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque()
        self._bytes = 0

    def __bool__(self) -> bool:
        return bool(self._frames)

    def put(self, frame: Frame) -> bool:
        """Add a frame; False if there is no room: the client is too slow."""
        if (
            len(self._frames) >= MAX_QUEUED_FRAMES
            # The only frame may be larger than the limit, as a snapshot can be.
            or (self._frames and self._bytes + len(frame) > MAX_QUEUED_BYTES)
        ):
            return False
        self._frames.append(frame)
        self._bytes += len(frame)
        return True

    def take(self) -> Frame | None:
        """Remove and return the oldest frame."""
        if not self._frames:
            return None
        frame = self._frames.popleft()
        self._bytes -= len(frame)
        return frame

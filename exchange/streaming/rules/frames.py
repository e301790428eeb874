"""WebSocket text frames, made once and written to any number of sockets. Pure."""

from functools import cached_property

# RFC 6455, section 5.2: a final text frame, not masked, with the shortest form of its length.
FINAL_TEXT = 0x81
LONGEST_IN_7_BITS = 125
LONGEST_IN_16_BITS = 0xFFFF


class Frame:
    """One message: the JSON, and the bytes of the WebSocket frame that carries it."""

    def __init__(self, json: bytes) -> None:
        self.wire = _header(len(json)) + json
        self._length = len(json)

    def __len__(self) -> int:
        return len(self.wire)

    @cached_property
    def text(self) -> str:
        """The JSON as text, for servers that make the frame themselves."""
        return self.wire[len(self.wire) - self._length :].decode()


def _header(length: int) -> bytes:
    if length <= LONGEST_IN_7_BITS:
        return bytes((FINAL_TEXT, length))
    if length <= LONGEST_IN_16_BITS:
        return bytes((FINAL_TEXT, 126)) + length.to_bytes(2, "big")
    return bytes((FINAL_TEXT, 127)) + length.to_bytes(8, "big")

"""Every message of the WebSocket, typed: what clients may send, what they get, and every refusal.

One JSON object per text frame; `type` says which. Decimals are strings, times RFC 3339 in UTC.
A client's message with a field that is not known, or of the wrong type, is refused.
Pure: no Django, no sockets.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, Literal, cast

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from be.kernel import units
from be.kernel.refusals import Refusal

GOING_AWAY = 1001
MESSAGE_TOO_BIG = 1009
TRY_AGAIN_LATER = 1013
TOO_MANY_ERRORS = 4400
AUTHENTICATION = 4401
TOO_SLOW = 4408
TOO_MANY = 4429
CLOSE_CODES = {
    GOING_AWAY: "The server stops; connect again.",
    MESSAGE_TOO_BIG: "A message was too large.",
    TRY_AGAIN_LATER: "The database is away; connect again in a moment.",
    TOO_MANY_ERRORS: "Ten messages were malformed.",
    AUTHENTICATION: "No valid token or API key, or no longer: late, expired, signed out, revoked.",
    TOO_SLOW: "The client did not read: connect again, and ask REST what orders did meanwhile.",
    TOO_MANY: "Too many messages, or too many sockets of one user.",
}

MAX_MESSAGE_BYTES = 64 * 1024
MAX_SYMBOLS = 500
MAX_BAD_MESSAGES = 10
MAX_SOCKETS_PER_USER = 20
# So many messages in any window of so many seconds.
MAX_MESSAGES = 50
MESSAGE_WINDOW_SECONDS = 10.0

ORDERS: Literal["orders"] = "orders"
CHANNELS: frozenset[str] = frozenset({ORDERS})

Symbol = Annotated[str, Meta(max_length=32, examples=["AAPL", "BTC-USD"])]
Channel = Annotated[str, Meta(max_length=32, examples=[ORDERS])]
# Longer than a socket may ever need, so that a little too long has an error code of its own.
Symbols = Annotated[list[Symbol], Meta(max_length=2 * MAX_SYMBOLS)]
Channels = Annotated[list[Channel], Meta(max_length=10)]
PingId = Annotated[str, Meta(max_length=100)] | Annotated[int, Meta(ge=-(2**53), le=2**53)] | None
Decimal = Annotated[str, Meta(pattern=r"^-?\d+(\.\d+)?$", examples=["191.25"])]
Time = Annotated[
    str,
    Meta(examples=["2026-03-02T15:00:00.000000Z"], extra_json_schema={"format": "date-time"}),
]
UserId = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
Severity = Literal["low", "medium", "high", "critical"]
OrderEvent = Literal[
    "accepted", "new", "fill", "partial_fill", "canceled", "expired", "rejected", "replaced"
]


class _Message(Struct, tag_field="type", kw_only=True):
    """What all messages have in common: a `type`."""


# From the client ---------------------------------------------------------------------------------


class _FromClient(_Message, forbid_unknown_fields=True):
    """A message with an unknown field is refused: ignoring the field would hide a mistake."""


class Auth(_FromClient, tag="auth"):
    """Comes first; again later to renew in place with a newer token of the same user."""

    token: Annotated[
        str, Meta(max_length=4096, description="An access token, or an API key that may read.")
    ]


class Subscribe(_FromClient, tag="subscribe"):
    """Add symbols and channels to what the socket gets."""

    symbols: Symbols = []
    channels: Channels = []


class Unsubscribe(_FromClient, tag="unsubscribe"):
    """Take symbols and channels away; those that are not subscribed are no error."""

    symbols: Symbols = []
    channels: Channels = []


class Ping(_FromClient, tag="ping"):
    """Answered with a pong of the same `id`."""

    id: PingId = None


ClientMessage = Auth | Subscribe | Unsubscribe | Ping


# From the server ---------------------------------------------------------------------------------


class Quote(Struct, kw_only=True):
    """The quote of the REST API; bonds alone have the last two fields.

    `sequence` counts the quotes of this symbol: it only rises on one socket, and a jump means that
    quotes in between were left out.
    """

    symbol: Symbol
    price: Decimal
    bid: Decimal
    ask: Decimal
    bid_size: Decimal
    ask_size: Decimal
    previous_close: Decimal
    change: Decimal
    change_percent: Annotated[Decimal, Meta(description=units.PERCENT)]
    open: Decimal
    high: Decimal
    low: Decimal
    volume: Decimal
    timestamp: Time
    sequence: int
    yield_to_maturity: Annotated[Decimal | None, Meta(description=units.FRACTION)] | UnsetType = (
        UNSET
    )
    accrued_interest: Decimal | UnsetType = UNSET


class AuthSuccess(_Message, tag="auth_success"):
    """The socket acts for this user until `expires_at`; renew it before.

    It is null for an API key without an end.
    """

    user_id: UserId
    expires_at: Time | None


class Subscribed(_Message, tag="subscribed"):
    """All that is now subscribed, sorted, and a quote for each symbol that is new and has one.

    `orders_sequence` is the number of the last order update before this answer; the next one has
    the number after it. What happened before `time`, the server's clock, REST tells.
    """

    symbols: list[Symbol]
    channels: list[Channel]
    quotes: list[Quote]
    orders_sequence: int | None
    time: Time


class Unsubscribed(_Message, tag="unsubscribed"):
    """All that is still subscribed, sorted."""

    symbols: list[Symbol]
    channels: list[Channel]


class Pong(_Message, tag="pong"):
    """The answer to a ping."""

    id: PingId


class PriceUpdate(_Message, tag="price_update"):
    """The subscribed quotes that changed, in one frame a round.

    `sequence` is the number of the newest round in it. A slow reader gets several rounds in one
    frame, with only the newest quote of each symbol.
    """

    sequence: int
    quotes: list[Quote]


class OrderUpdate(_Message, tag="order_update"):
    """What happened to one of the user's orders; channel `orders`.

    `sequence` counts the updates of this user without a gap, over all sockets. `order` is the order
    as it was when all of the update's transaction was done, in the shape of the REST API, and
    `execution` the fill that this update is about.
    """

    sequence: int
    event: OrderEvent
    order: dict[str, Any]
    execution: dict[str, Any] | None


class Gap(_Message, tag="gap"):
    """Order updates up to `sequence` were lost on their way and will not come.

    Ask REST for the orders with `updated_since={since}`; the next update has the number after
    `sequence`.
    """

    channel: Literal["orders"]
    sequence: int
    since: Time


class MarketAlert(_Message, tag="market_alert"):
    """A halt, a resumption, a large move."""

    symbol: Symbol
    severity: Severity
    title: str
    message: str
    timestamp: Time


class Heartbeat(_Message, tag="heartbeat"):
    """Says that the server is there, when there is nothing else to say."""

    time: Time


class Error(_Message, tag="error", omit_defaults=True):
    """Something was refused; `code` is stable, `message` is for people."""

    code: str
    message: str
    symbols: list[str] | UnsetType = UNSET


ServerMessage = (
    AuthSuccess
    | Subscribed
    | Unsubscribed
    | Pong
    | PriceUpdate
    | OrderUpdate
    | Gap
    | MarketAlert
    | Heartbeat
    | Error
)


# Refusals, each sent as an `error` ---------------------------------------------------------------


class SocketRefusal(Refusal):
    """A refusal on a socket; `close_code` says whether that also ends it."""

    close_code: ClassVar[int | None] = None

    def message(self) -> Error:
        return Error(code=self.code, message=self.detail)


class BadMessage(SocketRefusal):
    """A frame that is not a message of this protocol. The tenth closes the socket with 4400."""

    code = "invalid_message"
    status = 400
    title = "The message has the wrong shape"


class NotJson(BadMessage):
    code = "invalid_json"
    title = "The message is not JSON"


class NotText(BadMessage):
    code = "not_text"
    title = "The message is not text"


class UnknownType(BadMessage):
    code = "unknown_type"
    title = "There is no such message"


class MessageTooLarge(SocketRefusal):
    code = "message_too_large"
    status = 413
    title = "The message is too large"
    close_code = MESSAGE_TOO_BIG


class NotAuthenticated(SocketRefusal):
    code = "not_authenticated"
    status = 401
    title = "The socket is not authenticated"
    close_code = AUTHENTICATION


class AuthFailed(SocketRefusal):
    code = "auth_failed"
    status = 401
    title = "The token does not open this socket"
    close_code = AUTHENTICATION


class TokenExpired(SocketRefusal):
    code = "token_expired"
    status = 401
    title = "The access token has expired"
    close_code = AUTHENTICATION


class SessionEnded(SocketRefusal):
    code = "session_ended"
    status = 401
    title = "The session has ended"
    close_code = AUTHENTICATION


class ApiKeyRevoked(SocketRefusal):
    code = "api_key_revoked"
    status = 401
    title = "The API key was revoked"
    close_code = AUTHENTICATION


class RateLimited(SocketRefusal):
    code = "rate_limited"
    status = 429
    title = "Too many messages"
    close_code = TOO_MANY


class TooManySockets(SocketRefusal):
    code = "too_many_sockets"
    status = 429
    title = "Too many sockets"
    close_code = TOO_MANY


class TooManySymbols(SocketRefusal):
    code = "too_many_symbols"
    status = 400
    title = "Too many symbols"


class UnknownSymbols(SocketRefusal):
    """Names symbols that do not exist; those that do are subscribed all the same."""

    code = "unknown_symbol"
    status = 400
    title = "Unknown symbol"

    def __init__(self, symbols: Sequence[str]) -> None:
        super().__init__(f"There is no {', '.join(symbols)}.", field="symbols")
        self.symbols = list(symbols)

    def message(self) -> Error:
        return Error(code=self.code, message=self.detail, symbols=self.symbols)


class UnknownChannels(SocketRefusal):
    code = "unknown_channel"
    status = 400
    title = "Unknown channel"


class Unavailable(SocketRefusal):
    code = "unavailable"
    status = 503
    title = "The server cannot answer now"


# JSON --------------------------------------------------------------------------------------------


class _AnyMessage(Struct):
    type: str


_decoder: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)
_type_decoder = msgspec.json.Decoder(_AnyMessage)
_encoder = msgspec.json.Encoder()
CLIENT_TYPES = ("auth", "ping", "subscribe", "unsubscribe")


def decode(text: str) -> ClientMessage:
    """Read a client's message. Raises BadMessage, or its subclass that says more."""
    try:
        return _decoder.decode(text)
    except msgspec.ValidationError as error:
        raise _shape_refusal(text, str(error)) from error
    # RecursionError: brackets without end. ValueError: not JSON, or no valid Unicode.
    except (ValueError, RecursionError) as error:
        raise NotJson(f"This is not JSON: {error}.") from error


def _shape_refusal(text: str, reason: str) -> BadMessage:
    try:
        named = _type_decoder.decode(text).type
    except msgspec.ValidationError:
        return BadMessage('A message is a JSON object with a "type" that is a string.')
    except (ValueError, RecursionError) as error:
        return NotJson(f"This is not JSON: {error}.")
    if named not in CLIENT_TYPES:
        return UnknownType(f"There is no {named[:32]!r}; send one of {', '.join(CLIENT_TYPES)}.")
    return BadMessage(f"{reason}.")


def encode(message: ServerMessage) -> bytes:
    """The JSON of a message."""
    return _encoder.encode(message)


def encode_quote(document: dict[str, Any]) -> bytes:
    """A quote's JSON, made once to be put into any number of messages."""
    return _encoder.encode(document)


def encode_price_update(*, sequence: int, quotes: Iterable[bytes]) -> bytes:
    """The JSON of a PriceUpdate of quotes that are JSON already."""
    return b'{"type":"price_update","sequence":%d,"quotes":[%b]}' % (sequence, b",".join(quotes))


def encode_subscribed(
    *,
    symbols: Sequence[str],
    channels: Sequence[str],
    quotes: Sequence[bytes],
    orders_sequence: int | None,
    time: str,
) -> bytes:
    """The JSON of a Subscribed of quotes that are JSON already."""
    return encode(
        Subscribed(
            symbols=list(symbols),
            channels=list(channels),
            quotes=cast(list[Quote], [Raw(quote) for quote in quotes]),
            orders_sequence=orders_sequence,
            time=time,
        )
    )


def read_order_update(document: dict[str, Any]) -> OrderUpdate:
    """An order update from the channel layer. Raises msgspec.ValidationError."""
    return msgspec.convert(document, OrderUpdate)


def read_alert(document: dict[str, Any]) -> MarketAlert:
    """An alert from the channel layer. Raises msgspec.ValidationError."""
    return msgspec.convert(document, MarketAlert)

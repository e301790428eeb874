"""python -m bench.load SCENE PORT orders|prices REQUESTS: keep a server busy.

Each customer has one connection, on which a request follows the response to the one before. The
client is a minimal HTTP/1.1. It prints how many responses were as expected.
"""

import asyncio
import json
import sys
from collections.abc import Iterator

from bench import scene
from bench.scene import QUANTITY, Customer

ORDERS = "/api/exchange/api/v1/orders/"
PRICES = "/api/exchange/api/v1/market-data/current_prices/"


def order(customer: Customer) -> bytes:
    body = json.dumps(
        {
            "symbol": customer.symbol,
            "side": "buy",
            "order_type": "market",
            "quantity": str(QUANTITY),
        }
    ).encode()
    return (
        f"POST {ORDERS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {customer.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def prices(customer: Customer) -> bytes:
    return (
        f"GET {PRICES} HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {customer.token}\r\n\r\n"
    ).encode()


# The request, and what the response must have: a status, and a part of its body.
REQUESTS = {
    "orders": (order, b"201", b'"status":"filled"'),
    "prices": (prices, b"200", b'"results":'),
}


async def ask(
    port: int, request: bytes, status: bytes, content: bytes, turns: Iterator[int]
) -> int:
    """Send the request as long as there are turns; returns how many responses were as expected."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    well = 0
    for _ in turns:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        body = await read_body(reader, head)
        well += head.split(b" ", 2)[1] == status and content in body
    writer.close()
    return well


async def read_body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    lines = head.lower().split(b"\r\n")
    length = next((line[15:] for line in lines if line.startswith(b"content-length:")), None)
    if length is not None:
        return await reader.readexactly(int(length))
    body = b""
    while size := int(await reader.readline(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return body


async def main(path: str, port: str, what: str, requests: str) -> None:
    make, status, content = REQUESTS[what]
    turns = iter(range(int(requests)))
    well = await asyncio.gather(
        *(
            ask(int(port), make(customer), status, content, turns)
            for customer in scene.read(path).customers
        )
    )
    sys.stdout.write(f"{sum(well)}\n")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

"""python -m bench.read_load PORT TOKEN_FILE PATH REQUESTS [HEADER]: ask for one address.

Eight connections, on each of which a request follows the response to the one before. Prints how
many responses had the status 200 or 304.
"""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.load import read_body

CONNECTIONS = 8


async def ask(port: int, request: bytes, turns: Iterator[int]) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    well = 0
    for _ in turns:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        status = head.split(b" ", 2)[1]
        if status == b"200":
            well += bool(await read_body(reader, head))
        else:
            well += status == b"304"
    writer.close()
    return well


async def main(port: str, token: str, path: str, requests: str, *headers: str) -> None:
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {token}",
        *headers,
        "\r\n",
    ]
    request, turns = "\r\n".join(lines).encode(), iter(range(int(requests)))
    well = await asyncio.gather(*(ask(int(port), request, turns) for _ in range(CONNECTIONS)))
    sys.stdout.write(f"{sum(well)}\n")


if __name__ == "__main__":
    own_port, token_file, *others = sys.argv[1:]
    asyncio.run(main(own_port, Path(token_file).read_text(), *others))

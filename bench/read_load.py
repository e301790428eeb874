"""python -m bench.read_load PORT TOKEN_FILE PATH REQUESTS [HEADER]: ask for one address.

Eight connections, on each of which a request follows the response to the one before. Prints as JSON
how many responses there were of each kind: `200`, `304`, or as `503 unavailable` the status and the
code of a problem.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bench.load import read_body

CONNECTIONS = 8


async def ask(port: int, request: bytes, turns: Iterator[int]) -> Counter[str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    kinds: Counter[str] = Counter()
    for _ in turns:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        status = head.split(b" ", 2)[1].decode()
        body = b"" if status == "304" else await read_body(reader, head)
        is_well = status == "304" or (status == "200" and body)
        kinds[status if is_well else _wrong(status, body)] += 1
    writer.close()
    return kinds


def _wrong(status: str, body: bytes) -> str:
    try:
        return f"{status} {json.loads(body)['code']}"
    except (ValueError, LookupError, TypeError):
        return f"{status} {body[:100].decode(errors='replace')}"


async def main(port: str, token: str, path: str, requests: str, *headers: str) -> None:
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {token}",
        *headers,
        "\r\n",
    ]
    request, turns = "\r\n".join(lines).encode(), iter(range(int(requests)))
    kinds = await asyncio.gather(*(ask(int(port), request, turns) for _ in range(CONNECTIONS)))
    sys.stdout.write(json.dumps(sum(kinds, Counter())))


if __name__ == "__main__":
    own_port, token_file, *others = sys.argv[1:]
    asyncio.run(main(own_port, Path(token_file).read_text(), *others))

"""python -m bench.sign_ins PORT TOKEN_FILE SIGN_INS: how long reads take while customers sign in.

Readers ask for balances at a steady rate, whether or not the answers come; meanwhile so many
customers sign in at once. Prints as JSON the percentiles of the reads in milliseconds, and how many
sign-ins and reads had which status.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path

from bench.load import read_body

PASSWORD = "a horse, a staple"  # noqa: S105 - of customers in a database of the moment
PATH = "/api/banking/balances/"
READS_A_SECOND = 50
SECONDS = 10.0
CONNECTIONS = 16


def email(number: int) -> str:
    return f"bench{number}@example.com"


async def _ask(port: int, request: bytes) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    await read_body(reader, head)
    writer.close()
    return head.split(b" ", 2)[1].decode()


async def _sign_in(port: int, number: int) -> str:
    body = json.dumps({"email": email(number), "password": PASSWORD}).encode()
    head = (
        "POST /api/auth/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return await _ask(port, head.encode() + body)


class Readers:
    """Reads at a steady rate over some connections; each is timed from when it was due."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._request = (
            f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
        ).encode()
        self._due: asyncio.Queue[float | None] = asyncio.Queue()
        self.milliseconds: list[float] = []
        self.statuses: Counter[str] = Counter()

    async def run(self, seconds: float) -> None:
        workers = [asyncio.create_task(self._work()) for _ in range(CONNECTIONS)]
        began = time.perf_counter()
        for number in range(int(seconds * READS_A_SECOND)):
            due = began + number / READS_A_SECOND
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            self._due.put_nowait(due)
        for _ in workers:
            self._due.put_nowait(None)
        await asyncio.gather(*workers)

    async def _work(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while (due := await self._due.get()) is not None:
            writer.write(self._request)
            head = await reader.readuntil(b"\r\n\r\n")
            await read_body(reader, head)
            self.milliseconds.append((time.perf_counter() - due) * 1000)
            self.statuses[head.split(b" ", 2)[1].decode()] += 1
        writer.close()


async def main(port: str, token: str, count: str) -> None:
    readers = Readers(int(port), token)
    reading = asyncio.create_task(readers.run(SECONDS))
    began = time.perf_counter()
    sign_ins = await asyncio.gather(*(_sign_in(int(port), n) for n in range(int(count))))
    took = time.perf_counter() - began
    await reading
    times = sorted(readers.milliseconds)
    sys.stdout.write(
        json.dumps(
            {
                "p50": times[len(times) // 2],
                "p99": times[int(len(times) * 0.99)],
                "reads": readers.statuses,
                "sign_ins": Counter(sign_ins),
                "seconds": took,
            }
        )
    )


if __name__ == "__main__":
    own_port, token_file, sign_ins_wanted = sys.argv[1:]
    asyncio.run(main(own_port, Path(token_file).read_text(), sign_ins_wanted))

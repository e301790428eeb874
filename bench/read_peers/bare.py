"""The limit of any read: a bare Starlette route that verifies the JWT and answers ready bytes.

The bytes are what our own server answered once (BENCH_READY names the file); they never change.
"""

import os
from pathlib import Path

import jwt
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

READY = Path(os.environ["BENCH_READY"]).read_bytes()
KEY = os.environ["SECRET_KEY"]


async def ready(request: Request) -> Response:
    token = request.headers["authorization"].removeprefix("Bearer ")
    jwt.decode(token, KEY, algorithms=["HS256"], issuer="brokerpro")
    return Response(READY, media_type="application/json")


application = Starlette(
    routes=[Route("/api/exchange/api/v1/market-data/current_prices/", ready)],
)

"""The FastAPI server with all reads that it is compared in."""

from bench.read_peers import prices
from bench.read_peers.fastapi_app import application

__all__ = ["application", "prices"]

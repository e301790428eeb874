"""The FastAPI server with all reads that it is compared in."""

from bench.read_peers import executions, orders, prices, statement
from bench.read_peers.fastapi_app import application

__all__ = ["application", "executions", "orders", "prices", "statement"]

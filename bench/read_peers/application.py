"""The FastAPI server with all reads that it is compared in."""

from bench.read_peers import book, executions, instruments, orders, prices, statement
from bench.read_peers.fastapi_app import application

from bench.read_peers import candles  # isort: skip - its address would match others before them

__all__ = [
    "application",
    "book",
    "candles",
    "executions",
    "instruments",
    "orders",
    "prices",
    "statement",
]

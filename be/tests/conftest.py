"""Shared by tests of the whole: a running broker, and an empty database on a real server."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
import pytest
from playwright.sync_api import Browser, sync_playwright

from be.tests.browser import CHROMIUM, CHROMIUM_ARGS, Visit
from be.tests.processes import running
from exchange.tests.server import ROOT, LiveServer


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server and a simulator as two processes, on SQLite and the embedded layer, seeded.

    Tests that use it carry `@pytest.mark.xdist_group("broker")`, so that one worker starts it.
    """
    with LiveServer(tmp_path_factory.mktemp("broker")) as server:
        server.manage("seed_market", "--days", "30", "--minutes", "1")
        with running(server, "manage.py", "run_exchange_simulator", "--interval", "0.5"):
            yield server


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose market moves, and a demo customer, for the pages of one module."""
    with LiveServer(tmp_path_factory.mktemp("page")) as server:
        server.manage("seed_market", "--minutes", "1")
        simulator = subprocess.Popen(
            [sys.executable, "manage.py", "run_exchange_simulator", "--interval", "0.5"],
            cwd=ROOT,
            env=server.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        try:
            yield server
        finally:
            simulator.terminate()
            simulator.wait(15)
            server.kill()  # nothing of it is kept, so it need not answer what it was asked last


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, market: LiveServer) -> Iterator[Visit]:
    """The first page of `market`, in a tab of its own."""
    visit = Visit(browser, market)
    yield visit
    visit.page.close()


@pytest.fixture
def own_database() -> Iterator[str]:
    """The URL of a new, empty database on the PostgreSQL of TEST_DATABASE_URL."""
    with new_database() as url:
        yield url


@contextmanager
def new_database() -> Iterator[str]:
    """The same, for fixtures that last longer than a test. Skips without TEST_DATABASE_URL."""
    if "TEST_DATABASE_URL" not in os.environ:
        pytest.skip("TEST_DATABASE_URL names no PostgreSQL.")
    url, name = os.environ["TEST_DATABASE_URL"], f"own_{uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"'.encode())
    try:
        yield f"{url.rsplit('/', 1)[0]}/{name}"
    finally:
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())

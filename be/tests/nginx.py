"""A real nginx with the configuration of docs/deployment.md, in front of a server under test."""

import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from socket import create_connection

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from exchange.tests.server import ROOT, free_port

HOST = "broker.example"
SECONDS_TO_START = 15.0
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")

needs_nginx = pytest.mark.skipif(
    NGINX is None, reason="nginx is not installed (apt-get install nginx), so it was not tried"
)


@dataclass(frozen=True)
class Nginx:
    """Where it listens, on 127.0.0.1, and what trusts its certificate."""

    port: int
    tls_port: int
    context: ssl.SSLContext

    @property
    def authority(self) -> str:
        return f"{HOST}:{self.tls_port}"


@contextmanager
def nginx_before(port: int, directory: Path) -> Iterator[Nginx]:
    """Run it before the server at this port of 127.0.0.1; all that it writes is in `directory`."""
    certificate, key = _certificate(directory)
    nginx = Nginx(free_port(), free_port(), ssl.create_default_context(cafile=str(certificate)))
    block = _block_of_the_docs()
    for documented, here in (
        ("127.0.0.1:8000;", f"127.0.0.1:{port};"),
        ("listen 80;", f"listen 127.0.0.1:{nginx.port};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{nginx.tls_port} ssl;"),
        ("https://$host$request_uri", f"https://$host:{nginx.tls_port}$request_uri"),
        ("/etc/ssl/broker.example/fullchain.pem", str(certificate)),
        ("/etc/ssl/broker.example/privkey.pem", str(key)),
    ):
        assert documented in block, f"docs/deployment.md has no {documented}"
        block = block.replace(documented, here)
    configuration = directory / "nginx.conf"
    configuration.write_text(_around(block, directory))
    assert NGINX is not None
    command = [NGINX, "-p", str(directory), "-c", str(configuration), "-g", "daemon off;"]
    with (
        (directory / "nginx.log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
    ):
        try:
            _wait_for(nginx.tls_port, process, directory)
            yield nginx
        finally:
            process.terminate()


def _block_of_the_docs() -> str:
    page = (ROOT / "docs" / "deployment.md").read_text()
    found = re.search(r"<!-- nginx -->\n```nginx\n(.*?)```", page, re.DOTALL)
    assert found is not None
    return found[1]


def _around(block: str, directory: Path) -> str:
    folders = "".join(
        f"{kind}_temp_path {directory}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return (
        f"pid {directory}/nginx.pid;\nerror_log stderr;\nworker_processes 1;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{folders}\n{block}\n}}\n"
    )


def _wait_for(port: int, process: "subprocess.Popen[bytes]", directory: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError(f"nginx did not start:\n{(directory / 'nginx.log').read_text()}")


def _certificate(directory: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName(HOST), x509.IPAddress(IPv4Address("127.0.0.1"))]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    paths = directory / "fullchain.pem", directory / "privkey.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths

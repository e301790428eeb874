"""Checks that a server can listen on a host and port."""

import errno
import socket

from django.core.management.base import CommandError


def require_free_port(host: str, port: int) -> None:
    """Raises CommandError if no server can listen there; it says why and what to do."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OverflowError as error:
            raise CommandError(f"There is no port {port}: choose one from 1 to 65535.") from error
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise CommandError(
                    f"Port {port} on {host} is taken. Stop what uses it, or choose another: "
                    f"make run PORT={port + 1}"
                ) from error
            raise CommandError(
                f"Nobody can listen on port {port} of {host} ({error.strerror}). Choose an address "
                "of this machine, and a port from 1024 up."
            ) from error

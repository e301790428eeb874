"""A relay between client and server, which closes connections as proxies do."""

import socket
import threading
from contextlib import suppress
from typing import Self

NORMAL_CLOSURE = b"\x88\x02\x03\xe8"  # a closing frame with 1000


class Relay:
    """Passes bytes on, from a port of its own of 127.0.0.1 to that of the server."""

    def __init__(self, port: int) -> None:
        self._server = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._clients: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def end_sockets(self) -> None:
        """Every open socket is told 1000, as after an ordered end, and hung up on."""
        clients, self._clients = self._clients, []
        for client in clients:
            with suppress(OSError):
                client.sendall(NORMAL_CLOSURE)
                client.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answer, args=(server, client), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                if b"upgrade: websocket" in data.lower():
                    self._clients.append(client)
                server.sendall(data)
            server.shutdown(socket.SHUT_RDWR)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)

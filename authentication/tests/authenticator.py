"""An authenticator in software: it makes passkeys and signs with them as a browser would say it.

What it says can be bent, one thing at a time, to see that it is refused.
"""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

ORIGIN = "http://localhost:8000"
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def encoded(data: bytes) -> str:
    """URL-safe base64 without padding, as WebAuthn writes bytes in JSON."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass(kw_only=True)
class Authenticator:
    """One passkey. `count` is what it says of how often it has signed; 0 for ever if it is None."""

    origin: str = ORIGIN
    rp_id: str = "localhost"
    flags: int = PRESENT | VERIFIED
    count: int | None = 0
    cross_origin: bool = False
    user_handle: str = ""
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """The answer to options for a new passkey."""
        self.user_handle = options["user"]["id"]
        attested = b"\0" * 16 + len(self.credential_id).to_bytes(2) + self.credential_id
        data = self._data(ATTESTED) + attested + self._public_key()
        statement = {"fmt": "none", "attStmt": {}, "authData": data}
        return self._credential(
            clientDataJSON=encoded(self._client_data("webauthn.create", options["challenge"])),
            attestationObject=encoded(cbor2.dumps(statement)),
            transports=["internal", "hybrid"],
        )

    def get(self, options: dict[str, Any]) -> dict[str, Any]:
        """The answer to options for using this passkey."""
        if self.count is not None:
            self.count += 1
        client_data = self._client_data("webauthn.get", options["challenge"])
        data = self._data()
        signed = data + hashlib.sha256(client_data).digest()
        return self._credential(
            clientDataJSON=encoded(client_data),
            authenticatorData=encoded(data),
            signature=encoded(self.key.sign(signed, ec.ECDSA(SHA256()))),
            userHandle=self.user_handle,
        )

    def _client_data(self, kind: str, challenge: str) -> bytes:
        text = {
            "type": kind,
            "challenge": challenge,
            "origin": self.origin,
            "crossOrigin": self.cross_origin,
        }
        return json.dumps(text).encode()

    def _data(self, more_flags: int = 0) -> bytes:
        flags = bytes([self.flags | more_flags])
        return hashlib.sha256(self.rp_id.encode()).digest() + flags + (self.count or 0).to_bytes(4)

    def _public_key(self) -> bytes:
        """As a COSE key (RFC 9053): elliptic curve P-256 for ES256."""
        point = self.key.public_key().public_numbers()
        x, y = point.x.to_bytes(32), point.y.to_bytes(32)
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})

    def _credential(self, **response: Any) -> dict[str, Any]:
        return {
            "id": encoded(self.credential_id),
            "rawId": encoded(self.credential_id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        }

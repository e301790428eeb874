"""Secret keys for the measured servers, which run with production settings; new in each run."""

import base64
import secrets

KEYS = {
    "SECRET_KEY": secrets.token_urlsafe(50),
    "BANKING_ENCRYPTION_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    "IDENTITY_ENCRYPTION_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
}

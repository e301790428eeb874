"""Settings of the measured servers, which run as in production: new secret keys in each run."""

import base64
import secrets

KEYS = {
    "SECRET_KEY": secrets.token_urlsafe(50),
    "BANKING_ENCRYPTION_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    # Made-up customers have shown nobody their papers.
    "KYC_REQUIRED": "false",
    "IDENTITY_ENCRYPTION_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
}

"""Examples of second factors for the schema."""

from drf_spectacular.utils import OpenApiExample

from authentication.api.examples import problem

FACTOR_TOKEN = "eyJ1c2VyIjoiMDE5YTBiNmUifQ:6pV0Qx2Yw1dM8nJk3sT7uZ9aBcDeFgHi"  # noqa: S105
CHALLENGE = "mUZl8dqV1bS0kG5y3cW9xT2rN7pQ4aE6hJ8fL0iKoYs"
CREDENTIAL_ID = "q1S9fZ0kL3xV7bN2mC5tYw"
PASSKEY = {
    "id": "019a0b6e-5a00-7c3d-9f21-4be2c1f0a9d5",
    "name": "Alice's phone",
    "created_at": "2026-03-02T14:30:00.000000Z",
    "last_used_at": None,
}
RECOVERY_CODES = ["k7pd-ma2f-xq5w-h3ze", "b6tn-c4ys-r2gv-j5uo"]
ASSERTION = {
    "id": CREDENTIAL_ID,
    "rawId": CREDENTIAL_ID,
    "type": "public-key",
    "response": {"clientDataJSON": "eyJ0…", "authenticatorData": "SZYN…", "signature": "MEUC…"},
    "clientExtensionResults": {},
}
ATTESTATION = {
    "id": CREDENTIAL_ID,
    "rawId": CREDENTIAL_ID,
    "type": "public-key",
    "response": {"clientDataJSON": "eyJ0…", "attestationObject": "o2Nm…", "transports": ["usb"]},
    "clientExtensionResults": {},
}


def _asked(name: str, value: object) -> OpenApiExample:
    return OpenApiExample(name, value=value, request_only=True)


def _answered(name: str, value: object, status: str) -> OpenApiExample:
    return OpenApiExample(name, value=value, response_only=True, status_codes=[status])


SECOND_FACTOR_ASKED = _answered(
    "The password was right, a second factor has to follow",
    {
        "second_factor_required": True,
        "factor_token": FACTOR_TOKEN,
        "methods": ["totp", "recovery_code"],
        "expires_in": 300,
    },
    "200",
)
SECOND_FACTOR = _asked("A code", {"factor_token": FACTOR_TOKEN, "code": "492039"})
PASSKEY_ANSWER = _asked("A passkey's answer", {"passkey": ASSERTION})
CODE = _asked("A code", {"code": "492039"})
NEW_PASSKEY = _asked("A new passkey", {"name": PASSKEY["name"], "credential": ATTESTATION})
ADDED_PASSKEY = _answered("The first factor", {**PASSKEY, "recovery_codes": RECOVERY_CODES}, "201")
STEPPED_UP = _answered(
    "For five minutes", {"stepped_up_until": "2026-03-02T14:35:00.000000Z"}, "200"
)
FACTORS = _answered(
    "An app and a passkey",
    {
        "second_factor": True,
        "totp": {"confirmed_at": "2026-03-02T14:30:00.000000Z"},
        "passkeys": [PASSKEY],
        "recovery_codes_left": 9,
        "stepped_up_until": None,
    },
    "200",
)
NEW_SECRET = _answered(
    "A new secret",
    {
        "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
        "otpauth_uri": (
            "otpauth://totp/BrokerPro:alice%40example.com"
            "?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=BrokerPro"
        ),
        "qr_code": "data:image/svg+xml;charset=utf-8,%3Csvg…",
    },
    "201",
)
REQUEST_OPTIONS = _answered(
    "For navigator.credentials.get()",
    {
        "public_key": {
            "challenge": CHALLENGE,
            "timeout": 60000,
            "rpId": "localhost",
            "allowCredentials": [{"type": "public-key", "id": CREDENTIAL_ID}],
            "userVerification": "required",
        }
    },
    "200",
)
CREATION_OPTIONS = _answered(
    "For navigator.credentials.create()",
    {
        "public_key": {
            "rp": {"name": "BrokerPro", "id": "localhost"},
            "user": {
                "id": "AZoLblpAfD2fIUviwfCp0w",
                "name": "alice@example.com",
                "displayName": "alice@example.com",
            },
            "challenge": CHALLENGE,
            "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
            "timeout": 60000,
            "excludeCredentials": [],
            "authenticatorSelection": {
                "residentKey": "required",
                "requireResidentKey": True,
                "userVerification": "required",
            },
            "attestation": "none",
        }
    },
    "200",
)


def recovery_codes(status: str) -> OpenApiExample:
    return _answered("Recovery codes", {"recovery_codes": RECOVERY_CODES}, status)


INVALID_FACTOR_TOKEN = problem(
    401,
    "invalid_factor_token",
    "The sign-in has to begin again",
    "This sign-in took too long or is not valid any more; sign in again.",
)
WRONG_FACTOR = problem(
    422,
    "wrong_factor",
    "The second factor is not right",
    "This code or passkey does not work: it is wrong, too old, or was used before. "
    "Wait for the next code, or begin again.",
)
STEP_UP_REQUIRED = problem(
    403,
    "step_up_required",
    "Prove again that it is you",
    "This needs a step-up of the last five minutes: POST /api/auth/step-up/, then send the "
    "request again.",
)

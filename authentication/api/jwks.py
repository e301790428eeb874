"""`/.well-known/jwks.json`: the keys with which anybody can verify access tokens (RFC 7517)."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from authentication import signing
from authentication.rules import signing_keys

CONTENT_TYPE = "application/jwk-set+json"
# A new key is here long before it signs: `rotate_signing_key` waits twice as long by default.
SECONDS_TO_CACHE = 300


@require_safe
def jwks(request: HttpRequest) -> HttpResponse:
    """The public halves, those of coming keys too; none while tokens are signed by a secret."""
    return JsonResponse(
        signing_keys.public_set(signing.current().keys),
        content_type=CONTENT_TYPE,
        headers={"Cache-Control": f"public, max-age={SECONDS_TO_CACHE}"},
    )

"""Passkeys (WebAuthn level 2): made for this site, and used by signing a challenge.

Each use is verified by the user (a finger, a PIN), so that a passkey is two factors at once: the
device, and what opens it. A passkey that counts its signatures has to count up; if it does not,
there are two of it, and one is a clone.
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import webauthn
from django.db import IntegrityError, transaction
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import (
    base64url_to_bytes,
    options_to_json_dict,
    parse_attestation_object,
    parse_client_data_json,
)
from webauthn.helpers.structs import (
    AttestationFormat,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    CollectedClientData,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from authentication import audit, challenges, relying_party
from authentication.challenges import Purpose
from authentication.models import Passkey, User
from be.kernel.identifiers import uuid7
from be.kernel.refusals import Refusal

logger = logging.getLogger(__name__)

MAX_PASSKEYS = 20
UNCERTIFIED = (AttestationFormat.NONE, AttestationFormat.PACKED)
VERIFIED = UserVerificationRequirement.REQUIRED

# What `navigator.credentials` gives, as JSON (PublicKeyCredential.toJSON of WebAuthn level 3).
Credential = Mapping[str, Any]


class PasskeyRefused(Refusal):
    """What came is no new passkey for this user on this site, made for a challenge that waits."""

    code = "passkey_refused"
    title = "The passkey can't be added"

    def __init__(self) -> None:
        super().__init__(
            "The browser's answer does not fit what was asked; begin again with new options.",
            field="credential",
        )


class PasskeyExists(Refusal):
    code = "passkey_exists"
    status = 409
    title = "The passkey is known already"

    def __init__(self) -> None:
        super().__init__("This passkey was added before.", field="credential")


class TooManyPasskeys(Refusal):
    code = "too_many_passkeys"
    status = 409
    title = "There are too many passkeys"

    def __init__(self) -> None:
        super().__init__(f"There may be {MAX_PASSKEYS}; remove one that you don't use.")


def creation_options(*, user: User, ip_address: str | None, now: datetime) -> dict[str, Any]:
    """What a browser needs to make a passkey: PublicKeyCredentialCreationOptionsJSON.

    The passkey is discoverable: it can say by itself whose it is. Raises TooManyPasskeys.
    """
    known = list(Passkey.objects.filter(user=user))
    if len(known) >= MAX_PASSKEYS:
        raise TooManyPasskeys
    options = webauthn.generate_registration_options(
        rp_id=relying_party.rp_id(),
        rp_name=relying_party.NAME,
        user_id=user.pk.bytes,
        user_name=user.email,
        challenge=challenges.issue(
            purpose=Purpose.REGISTER, user=user, ip_address=ip_address, now=now
        ),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=VERIFIED
        ),
        exclude_credentials=[_descriptor(passkey) for passkey in known],
    )
    return options_to_json_dict(options)


def request_options(
    *, user: User | None, purpose: Purpose, ip_address: str | None, now: datetime
) -> dict[str, Any]:
    """What a browser needs to use a passkey: PublicKeyCredentialRequestOptionsJSON.

    Without a user any passkey of this site will do, and says whose it is.
    """
    known = [] if user is None else Passkey.objects.filter(user=user)
    options = webauthn.generate_authentication_options(
        rp_id=relying_party.rp_id(),
        challenge=challenges.issue(purpose=purpose, user=user, ip_address=ip_address, now=now),
        allow_credentials=[_descriptor(passkey) for passkey in known],
        user_verification=VERIFIED,
    )
    return options_to_json_dict(options)


def verified_creation(*, user: User, credential: Credential, now: datetime) -> VerifiedRegistration:
    """What a browser has made for a challenge of `user`, which is gone after that.

    Raises PasskeyRefused.
    """
    client = _client_data(credential)
    if client is None or not challenges.take(
        client.challenge, purpose=Purpose.REGISTER, user=user, now=now
    ):
        raise PasskeyRefused
    try:
        return _verified_creation(credential, client)
    except Exception as error:  # the library reads what anybody may have written
        logger.info("a new passkey was refused: %s", type(error).__name__)
        raise PasskeyRefused from error


def store(
    made: VerifiedRegistration, *, user: User, name: str, transports: list[str], now: datetime
) -> Passkey:
    """Store a passkey that was verified. The caller has locked the user.

    Raises PasskeyExists and TooManyPasskeys.
    """
    if Passkey.objects.filter(user=user).count() >= MAX_PASSKEYS:
        raise TooManyPasskeys
    try:
        with transaction.atomic():
            return Passkey.objects.create(
                id=uuid7(now),
                user=user,
                name=name,
                credential_id=made.credential_id,
                public_key=made.credential_public_key,
                sign_count=made.sign_count,
                transports=transports,
                created_at=now,
            )
    except IntegrityError as error:
        raise PasskeyExists from error


def transports(credential: Credential) -> list[str]:
    """The words of a new passkey by which a browser will find its authenticator again."""
    given = credential["response"].get("transports")
    words = {each for each in given if isinstance(each, str)} if isinstance(given, list) else set()
    return sorted(words & {str(each.value) for each in AuthenticatorTransport})


def use(
    credential: Credential, *, user: User | None, purpose: Purpose, now: datetime
) -> User | None:
    """Whose passkey has signed a challenge that waits; None if none has.

    With `user`, only one of theirs will do. The challenge is gone after that.
    """
    passkey = _named_by(credential, user)
    client = _client_data(credential)
    if client is None or not challenges.take(client.challenge, purpose=purpose, user=user, now=now):
        return None
    used = None if passkey is None else _verified_use(passkey, credential, client)
    if passkey is None or used is None or not _count_up(passkey, used, now):
        return None
    return passkey.user


def _verified_creation(credential: Credential, client: CollectedClientData) -> VerifiedRegistration:
    made = parse_attestation_object(base64url_to_bytes(credential["response"]["attestationObject"]))
    # It was asked to bring no certificate of its maker. One that signs for itself ("packed") is
    # left as it is by browsers.
    if made.fmt not in UNCERTIFIED or made.att_stmt.x5c:
        raise PasskeyRefused
    return webauthn.verify_registration_response(
        credential=dict(credential),
        expected_challenge=client.challenge,
        expected_rp_id=relying_party.rp_id(),
        expected_origin=client.origin,
        require_user_verification=True,
    )


def _verified_use(
    passkey: Passkey, credential: Credential, client: CollectedClientData
) -> VerifiedAuthentication | None:
    """The library's verdict, except for the counter, which `_count_up` looks at after it."""
    try:
        return webauthn.verify_authentication_response(
            credential=dict(credential),
            expected_challenge=client.challenge,
            expected_rp_id=relying_party.rp_id(),
            expected_origin=client.origin,
            credential_public_key=bytes(passkey.public_key),
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except Exception as error:  # noqa: BLE001 - the library reads what anybody may have written
        logger.info("a passkey was refused: %s", type(error).__name__)
        return None


def _count_up(passkey: Passkey, used: VerifiedAuthentication, now: datetime) -> bool:
    """Store the new count, unless it is no higher than the last (section 6.1.1, step 21 of 7.2).

    Passkeys that are kept on several devices always say zero.
    """
    counts = used.new_sign_count > 0 or passkey.sign_count > 0
    if counts and used.new_sign_count <= passkey.sign_count:
        logger.warning("the counter of passkey %s went back: there is a clone", passkey.pk)
        audit.record(
            "passkey refused as a clone",
            actor=None,
            subject=passkey.user_id,
            at=now,
            passkey_id=passkey.pk,
        )
        return False
    unchanged = Passkey.objects.filter(pk=passkey.pk, sign_count=passkey.sign_count)
    return bool(unchanged.update(sign_count=used.new_sign_count, last_used_at=now))


def _named_by(credential: Credential, user: User | None) -> Passkey | None:
    """The stored passkey that an answer names by its id, if it is one of `user`."""
    try:
        credential_id = base64url_to_bytes(str(credential.get("id", "")))
    except ValueError:
        return None
    found = Passkey.objects.filter(credential_id=credential_id).select_related("user").first()
    return found if found is not None and user in (None, found.user) else None


def _client_data(credential: Credential) -> CollectedClientData | None:
    """What the browser says of the page; None if it is not a page of ours, or is framed by one
    that is not.
    """
    try:
        text = credential["response"]["clientDataJSON"]
        client = parse_client_data_json(base64url_to_bytes(text))
        of_ours = isinstance(client.origin, str) and relying_party.is_own_page(client.origin)
    except Exception as error:  # noqa: BLE001 - the library reads what anybody may have written
        logger.info("the client data of a passkey were refused: %s", type(error).__name__)
        return None
    return client if of_ours and not client.cross_origin else None


def _descriptor(passkey: Passkey) -> PublicKeyCredentialDescriptor:
    return PublicKeyCredentialDescriptor(
        id=bytes(passkey.credential_id),
        transports=[AuthenticatorTransport(each) for each in passkey.transports] or None,
    )

"""The second half of signing in: by a second factor after the password, or by a passkey alone."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from authentication import attempts, audit, factor_tokens, factors, passkeys, sessions
from authentication.challenges import Purpose
from authentication.factors import Proof, WrongFactor
from authentication.sessions import Tokens


def by_second_factor(
    *,
    factor_token: str,
    proof: Proof,
    user_agent: str,
    ip_address: str | None,
    now: datetime,
) -> Tokens:
    """Open the session that the password began, for a code or passkey of the same user.

    Raises InvalidFactorToken, WrongFactor and TooManyAttempts.
    """
    user = factor_tokens.read(factor_token, now=now)
    factors.check(user=user, proof=proof, purpose=Purpose.SIGN_IN, ip_address=ip_address, now=now)
    result = sessions.open_unless_changed(
        user=user, new_hash=user.password, user_agent=user_agent, ip_address=ip_address, now=now
    )
    # Not before: with the password alone, guesses at codes would never come to an end.
    attempts.clear(email=user.email, ip_address=ip_address)
    return result


def by_passkey(
    *, passkey: Mapping[str, Any], user_agent: str, ip_address: str | None, now: datetime
) -> Tokens:
    """Open a session for whoever the passkey is of. It is two factors: a device and what opens it.

    Raises WrongFactor.
    """
    user = passkeys.use(passkey, user=None, purpose=Purpose.SIGN_IN, now=now)
    if user is None or not user.is_active:
        audit.record("sign-in refused", actor=None, subject=user, at=now, method="passkey")
        raise WrongFactor(field="passkey")
    return sessions.open_unless_changed(
        user=user, new_hash=user.password, user_agent=user_agent, ip_address=ip_address, now=now
    )


def passkey_options(
    *, factor_token: str | None, ip_address: str | None, now: datetime
) -> dict[str, Any]:
    """What a browser needs to sign in by a passkey: of the user of a factor token, or of anybody.

    Raises InvalidFactorToken and TooManyChallenges.
    """
    user = factor_tokens.read(factor_token, now=now) if factor_token else None
    return passkeys.request_options(
        user=user, purpose=Purpose.SIGN_IN, ip_address=ip_address, now=now
    )

"""Signing keys: which signs, which verifies, what is published, and what is never accepted."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings as django_settings
from django.utils import timezone
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from jwt.utils import base64url_encode

from authentication import sessions, signing, tokens
from authentication.rules import signing_keys
from authentication.rules.signing_keys import ALGORITHMS, InvalidSigningKeys, SigningKeys
from authentication.tests.api_client import client_with, signed_in
from authentication.tests.problems import assert_problem
from be.configuration import key_files

ME = "/api/auth/me/"
JWKS = "/.well-known/jwks.json"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)

# Made once: RSA keys take a while.
MADE = {name: signing_keys.made(name, now=LONG_AGO, signs_from=LONG_AGO) for name in ALGORITHMS}


def key_set(*documents: dict[str, Any]) -> str:
    return json.dumps({"keys": documents})


def later(document: dict[str, Any], at: datetime) -> dict[str, Any]:
    return {**document, "nbf": int(at.timestamp())}


def signed(document: dict[str, Any], claims: dict[str, Any], **header: Any) -> str:
    """A token of this key."""
    (key,) = signing_keys.parse(key_set(document))
    return jwt.encode(
        claims, key.signing, algorithm=key.algorithm, headers={"kid": key.id, **header}
    )


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def with_header(token: str, **header: Any) -> str:
    """The same token, with an altered header and the old signature."""
    known = {**jwt.get_unverified_header(token), **header}
    kept = {name: value for name, value in known.items() if value is not None}
    _, payload, signature = token.split(".")
    return f"{base64url_encode(json.dumps(kept).encode()).decode()}.{payload}.{signature}"


@pytest.fixture
def use(settings: Any) -> Callable[..., None]:
    def use_(algorithm: str, *documents: dict[str, Any]) -> None:
        settings.JWT_ALGORITHM = algorithm
        settings.JWT_SIGNING_KEYS = key_set(*documents) if documents else ""

    return use_


# Signing and verifying --------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_algorithm_signs_tokens_that_open_the_door(alice, use, algorithm):
    use(algorithm, MADE[algorithm])
    pair = signed_in(alice)

    for token in (pair.access_token, pair.refresh_token):
        header = jwt.get_unverified_header(token)
        assert (header["alg"], header["kid"]) == (algorithm, MADE[algorithm]["kid"])
        assert len(token) < tokens.MAX_LENGTH
    assert client_with(pair.access_token).get(ME).status_code == 200
    again = sessions.refresh(
        refresh_token=pair.refresh_token, user_agent="", ip_address=None, now=timezone.now()
    )
    assert client_with(again.access_token).get(ME).status_code == 200


def test_without_keys_the_secret_key_signs(alice):
    header = jwt.get_unverified_header(signed_in(alice).access_token)

    assert header["alg"] == "HS256"
    assert header["kid"] == signing_keys.of_secret_key(django_settings.SECRET_KEY).id


def test_a_token_of_a_version_without_kid_is_good_until_it_ends(alice, use):
    token = signed_in(alice).access_token
    old = jwt.encode(claims_of(token), django_settings.SECRET_KEY, algorithm="HS256")
    assert "kid" not in jwt.get_unverified_header(old)
    assert client_with(old).get(ME).status_code == 200

    use("ES256", later(MADE["ES256"], timezone.now()))
    assert client_with(old).get(ME).status_code == 200
    assert client_with(token).get(ME).status_code == 200


def test_a_secret_key_that_became_known_opens_nothing_once_its_tokens_have_ended(alice, use):
    claims = claims_of(signed_in(alice).access_token)
    lifetime = django_settings.REFRESH_TOKEN_LIFETIME
    use("ES256", later(MADE["ES256"], timezone.now() - lifetime))

    for header in ({}, {"kid": signing_keys.of_secret_key(django_settings.SECRET_KEY).id}):
        forged = jwt.encode(claims, django_settings.SECRET_KEY, "HS256", headers=header)
        assert_problem(client_with(forged).get(ME), status=401, code="invalid_token")


def test_the_newest_key_signs_once_its_time_has_come(alice, use):
    now = timezone.now()
    new = later(MADE["EdDSA"], now + timedelta(minutes=10))
    old = signing_keys.made("EdDSA", now=LONG_AGO, signs_from=LONG_AGO)
    use("EdDSA", new, old)

    assert jwt.get_unverified_header(signed_in(alice).access_token)["kid"] == old["kid"]
    keys = signing.current()
    assert keys.to_sign(now + timedelta(minutes=9)).id == old["kid"]
    assert keys.to_sign(now + timedelta(minutes=10)).id == new["kid"]


def test_both_keys_of_a_rotation_are_accepted_and_a_dropped_one_is_not(alice, use):
    old = signing_keys.made("EdDSA", now=LONG_AGO, signs_from=LONG_AGO)
    use("EdDSA", old)
    token = signed_in(alice).access_token

    use("EdDSA", MADE["EdDSA"], old)
    assert client_with(token).get(ME).status_code == 200
    use("EdDSA", MADE["EdDSA"])
    assert_problem(client_with(token).get(ME), status=401, code="invalid_token")


def test_an_algorithm_is_changed_as_a_key_is(alice, use):
    use("HS256", MADE["ES256"], MADE["HS256"])
    token = signed_in(alice).access_token
    assert jwt.get_unverified_header(token)["alg"] == "HS256"

    use("ES256", MADE["ES256"], MADE["HS256"])

    assert jwt.get_unverified_header(signed_in(alice).access_token)["alg"] == "ES256"
    assert client_with(token).get(ME).status_code == 200


def test_while_no_key_of_the_algorithm_may_sign_another_does():
    now = timezone.now()
    keys = signing_keys.parse(key_set(later(MADE["ES256"], now + DAY), MADE["HS256"]))
    ring = SigningKeys(keys, signing_keys.of_secret_key("secret " * 9), "ES256")

    assert ring.to_sign(now).algorithm == "HS256"
    assert ring.to_sign(now + DAY).algorithm == "ES256"
    assert ring.to_sign(LONG_AGO - DAY) is ring.fallback


# What is never accepted -------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "None"},
        {"alg": "HS384"},
        {"alg": "RS512"},
        {"alg": "nonsense"},
        {"alg": None},
        {"kid": "unknown"},
        {"kid": ""},
        {"kid": None},
        {"kid": 7},
        {"kid": ["x"]},
        {"kid": "../../../dev/null"},
    ],
    ids=str,
)
def test_an_altered_header_is_refused(alice, use, algorithm, header):
    use(algorithm, MADE[algorithm])
    token = signed_in(alice).access_token

    assert_problem(
        client_with(with_header(token, **header)).get(ME), status=401, code="invalid_token"
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("named", [True, False])
def test_an_unsigned_token_is_refused(alice, use, algorithm, named):
    use(algorithm, MADE[algorithm])
    claims = claims_of(signed_in(alice).access_token)
    header = {"kid": MADE[algorithm]["kid"]} if named else {}
    unsigned = jwt.encode(claims, "", algorithm="none", headers=header)

    assert_problem(client_with(unsigned).get(ME), status=401, code="invalid_token")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_what_is_published_signs_nothing(alice, client, use, algorithm):
    """The public key, in whatever form, is no secret of HS256."""
    use(algorithm, MADE[algorithm])
    claims = claims_of(signed_in(alice).access_token)
    (published,) = client.get(JWKS).json()["keys"]
    (key,) = signing_keys.parse(key_set(MADE[algorithm]))
    pem = key.verifying.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = key.verifying.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for secret in (pem, der, json.dumps(published).encode()):
        for kid in (published["kid"], None):
            header = {"alg": "HS256", "typ": "JWT", **({"kid": kid} if kid else {})}
            token = _hs256(header, claims, secret)
            assert_problem(client_with(token).get(ME), status=401, code="invalid_token")


def _hs256(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    """By hand: PyJWT refuses to sign with a public key."""
    import hmac

    signed = b".".join(base64url_encode(json.dumps(part).encode()) for part in (header, claims))
    return f"{signed.decode()}.{base64url_encode(hmac.digest(secret, signed, 'sha256')).decode()}"


def test_the_hand_made_token_is_good_when_its_secret_is(alice, use):
    use("HS256", MADE["HS256"])
    claims = claims_of(signed_in(alice).access_token)
    secret = base64.urlsafe_b64decode(MADE["HS256"]["k"] + "==")
    header = {"alg": "HS256", "typ": "JWT", "kid": MADE["HS256"]["kid"]}

    assert client_with(_hs256(header, claims, secret)).get(ME).status_code == 200


def test_a_key_vouches_for_its_own_tokens_only(alice, use):
    """Signed by one known key, and named as another's."""
    use("ES256", MADE["ES256"], MADE["HS256"], MADE["EdDSA"])
    claims = claims_of(signed_in(alice).access_token)

    assert client_with(signed(MADE["EdDSA"], claims)).get(ME).status_code == 200
    for named in ("ES256", "HS256"):
        token = signed(MADE["EdDSA"], claims, kid=MADE[named]["kid"])
        assert_problem(client_with(token).get(ME), status=401, code="invalid_token")


@pytest.mark.parametrize(
    "header",
    [
        {"jwk": {"kty": "oct", "k": "YQ"}},
        {"jku": "https://example.com/keys.json"},
        {"x5u": "https://example.com/keys.pem"},
        {"x5c": ["x"]},
    ],
    ids=str,
)
def test_a_key_that_a_token_brings_along_is_not_used(alice, use, header):
    use("HS256", MADE["HS256"])
    claims = claims_of(signed_in(alice).access_token)
    own = signing_keys.made("HS256", now=LONG_AGO, signs_from=LONG_AGO)
    token = signed(own, claims, **header)

    assert_problem(client_with(token).get(ME), status=401, code="invalid_token")


# What is published ------------------------------------------------------------------------------


def test_anybody_can_verify_with_what_is_published(alice, client, use):
    coming = later(
        signing_keys.made("ES256", now=LONG_AGO, signs_from=LONG_AGO), LONG_AGO + 999 * DAY
    )
    use("ES256", coming, MADE["ES256"], MADE["RS256"], MADE["EdDSA"], MADE["HS256"])

    answer = client.get(JWKS)

    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/jwk-set+json"
    assert answer["Cache-Control"] == "public, max-age=300"
    published = answer.json()
    assert {key["kid"] for key in published["keys"]} == {
        coming["kid"],
        *(MADE[name]["kid"] for name in ("ES256", "RS256", "EdDSA")),
    }
    for key in published["keys"]:
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & key.keys()
        assert (key["use"], key["key_ops"]) == ("sig", ["verify"])
    token = signed_in(alice).access_token
    kid = jwt.get_unverified_header(token)["kid"]
    key = jwt.PyJWKSet.from_dict(published)[kid]
    claims = jwt.decode(token, key, algorithms=["ES256"], issuer="brokerpro")
    assert claims["user_id"] == str(alice.pk)


@pytest.mark.parametrize("documents", [(), (MADE["HS256"],)], ids=["secret key", "own secret"])
@pytest.mark.django_db
def test_secrets_are_not_published(client, use, documents):
    use("HS256", *documents)

    assert client.get(JWKS).json() == {"keys": []}


@pytest.mark.django_db
def test_the_published_keys_are_read_and_not_written(client):
    assert client.post(JWKS).status_code == 405
    assert client.head(JWKS).status_code == 200


# Keys that can't be used ------------------------------------------------------------------------


def _weak_rsa() -> dict[str, Any]:
    key = rsa.generate_private_key(65537, key_size=1024)  # noqa: S505 - weak, to be refused
    return {**MADE["RS256"], **RSAAlgorithm.to_jwk(key, as_dict=True), "key_ops": ["sign"]}


def _other_curve() -> dict[str, Any]:
    return {
        **MADE["ES256"],
        **ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()), as_dict=True),
    }


def _public(algorithm: str) -> dict[str, Any]:
    private = {"d", "p", "q", "dp", "dq", "qi", "key_ops"}
    return {name: value for name, value in MADE[algorithm].items() if name not in private}


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "[]",
        "{}",
        '{"keys": []}',
        '{"keys": {}}',
        '{"keys": [7]}',
        key_set({}),
        key_set({**MADE["ES256"], "kid": ""}),
        key_set({**MADE["ES256"], "kid": 7}),
        key_set({**MADE["ES256"], "alg": "none"}),
        key_set({**MADE["ES256"], "alg": "HS256"}),
        key_set({**MADE["HS256"], "alg": "ES256"}),
        key_set({**MADE["ES256"], "alg": "ES384"}),
        key_set({**MADE["ES256"], "nbf": None}),
        key_set({**MADE["ES256"], "nbf": "soon"}),
        key_set({**MADE["ES256"], "nbf": 10**30}),
        key_set({**MADE["HS256"], "k": "c2hvcnQ"}),
        key_set(MADE["ES256"], MADE["ES256"]),
        key_set(*([MADE["ES256"]] * 17)),
        key_set(_weak_rsa()),
        key_set(_other_curve()),
        *(key_set(_public(name)) for name in ("RS256", "ES256", "EdDSA")),
    ],
    ids=lambda _: "text",
)
def test_keys_that_are_none_are_refused_without_being_shown(text):
    with pytest.raises(InvalidSigningKeys) as refused:
        signing_keys.parse(text)

    shown = str(refused.value)
    for name in ("k", "d"):
        for document in MADE.values():
            assert document.get(name, "no such member") not in shown


def test_a_key_for_the_algorithm_must_be_there():
    signing_keys.check(key_set(MADE["ES256"]), algorithm="ES256")
    signing_keys.check(None, algorithm="HS256")
    for text in (key_set(MADE["ES256"]), "", None):
        with pytest.raises(InvalidSigningKeys):
            signing_keys.check(text, algorithm="RS256")


def test_no_key_shows_itself():
    for key in signing_keys.parse(key_set(*MADE.values())):
        assert "signing=" not in repr(key)


# A file that changes ----------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "keys.json"
    path.write_text(key_set(MADE["EdDSA"]))
    settings.JWT_ALGORITHM, settings.JWT_SIGNING_KEYS = "EdDSA", str(path)
    monkeypatch.setattr(signing, "LOOK_SECONDS", 0)
    return path


def test_a_file_is_read_again_when_it_has_changed(file):
    first = signing.current()
    assert signing.current() is first

    key_files.write(str(file), key_set(MADE["EdDSA"], MADE["ES256"]))

    assert {key.algorithm for key in signing.current().keys} == {"EdDSA", "ES256"}
    assert signing.current() is signing.current()


@pytest.mark.parametrize(
    "text", ["", "nonsense", key_set(MADE["ES256"])], ids=["empty", "no set", "another algorithm"]
)
def test_a_file_that_cannot_be_used_changes_nothing(file, caplog, text):
    first = signing.current()

    file.write_text(text)

    assert signing.current() is first
    assert "stay as they are" in caplog.text
    file.unlink()
    assert signing.current() is first


def test_a_token_of_a_key_that_left_the_file_is_refused(alice, file):
    token = signed_in(alice).access_token
    assert client_with(token).get(ME).status_code == 200

    key_files.write(
        str(file), key_set(signing_keys.made("EdDSA", now=LONG_AGO, signs_from=LONG_AGO))
    )

    assert_problem(client_with(token).get(ME), status=401, code="invalid_token")


def test_a_file_is_replaced_whole_and_keeps_its_mode(tmp_path):
    path = tmp_path / "keys.json"
    key_files.write(str(path), "one")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("one", 0o600)
    path.chmod(0o640)

    key_files.write(str(path), "two")

    assert (path.read_text(), path.stat().st_mode & 0o777) == ("two", 0o640)
    assert [each.name for each in tmp_path.iterdir()] == ["keys.json"]

"""A pseudonym is a keyed hash of a canonical form, equal for equals under one key, and the key stays hidden."""

import base64
import hashlib
import hmac
import json
import logging
import pickle

import pytest

from include.core.errors import FatalError
from include.core.pseudonyms import PseudonymKey, casefold, exact

SECRET = bytes(range(32))
KEY = PseudonymKey("people", "k1", SECRET)


def test_a_pseudonym_is_the_keys_id_and_the_hmac_of_label_domain_and_value():
    digest = hmac.new(SECRET, b"sluice pii v1\x1fpeople\x1fanna@example.org", hashlib.sha256).hexdigest()
    assert KEY.pseudonym(b"anna@example.org").decode() == f"k1:{digest}"
    # It must never change: what is landed already would no longer meet what is landed next.
    assert digest == "96d536e706c1520a99f00954af35e794091b3706e7c47e30b7b5682b189abe27"


@pytest.mark.parametrize("length", [32, 64, 65, 200])
def test_keys_of_any_length_are_used_as_rfc_2104_says(length):
    secret = b"k" * length
    expected = hmac.new(secret, b"sluice pii v1\x1fpeople\x1f", hashlib.sha256).hexdigest()
    assert PseudonymKey("people", "k1", secret).pseudonym(b"") == f"k1:{expected}".encode()


def test_another_domain_another_key_or_another_id_gives_another_pseudonym():
    others = [
        PseudonymKey("patients", "k1", SECRET), PseudonymKey("people", "k1", SECRET[::-1]),
        PseudonymKey("people", "k2", SECRET),
    ]  # fmt: skip
    assert len({key.pseudonym(b"42") for key in (KEY, *others)}) == 4
    assert PseudonymKey("people", "k1", SECRET).pseudonym(b"42") == KEY.pseudonym(b"42")


@pytest.mark.parametrize(
    ("text", "composed", "folded"),
    [
        ("42", "42", "42"),
        ("Anna@Example.ORG", "Anna@Example.ORG", "anna@example.org"),
        ("Rene\u0301", "Ren\u00e9", "ren\u00e9"),
        ("REN\u00c9", "REN\u00c9", "ren\u00e9"),
        ("STRASSE", "STRASSE", "strasse"),
        ("Stra\u00dfe", "Stra\u00dfe", "strasse"),
        (" a  b\t", " a  b\t", " a  b\t"),
        ("\u2460 \ufb01", "\u2460 \ufb01", "\u2460 fi"),
        ("", "", ""),
    ],
)
def test_the_canonical_forms_change_composition_and_case_and_nothing_else(text, composed, folded):
    assert exact(text.encode()).decode() == composed
    assert casefold(text.encode()).decode() == folded
    assert casefold(folded.encode()).decode() == folded


def b64_without_padding(secret):
    return base64.b64encode(secret).rstrip(b"=")


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode, b64_without_padding])
def test_a_key_is_read_from_either_kind_of_base64(encode):
    secret = bytes([251, 255, *range(30)])
    read = PseudonymKey.from_text("people", "k1", f" {encode(secret).decode()}\n")
    assert read.pseudonym(b"42") == PseudonymKey("people", "k1", secret).pseudonym(b"42")


@pytest.mark.parametrize(
    ("key_id", "text", "told"),
    [
        ("k1", base64.b64encode(SECRET[:31]).decode(), "has 31 bytes; 32 are needed"),
        ("k1", "", "has 0 bytes"),
        ("k1", "correct horse battery staple!", "is not in base64"),
        ("k1", "pässword", "is not in base64"),
        ("", base64.b64encode(SECRET).decode(), "unusable id ''"),
        ("a:b", base64.b64encode(SECRET).decode(), "unusable id 'a:b'"),
        ("x" * 33, base64.b64encode(SECRET).decode(), "unusable id"),
    ],
)
def test_what_is_no_key_is_refused_without_being_shown(key_id, text, told):
    with pytest.raises(FatalError, match=told) as caught:
        PseudonymKey.from_text("people", key_id, text)
    assert caught.value.__context__ is None
    assert not text or text not in str(caught.value)


def test_the_check_tells_keys_of_one_id_apart_and_is_no_pseudonym():
    assert KEY.check == PseudonymKey("people", "other", SECRET).check
    assert KEY.check != PseudonymKey("people", "k1", SECRET[::-1]).check
    assert KEY.check not in KEY.pseudonym(b"").decode()


def test_a_key_cannot_be_printed_pickled_logged_or_serialised(caplog):
    logging.getLogger("test").warning("%s %r", KEY, [KEY])
    assert caplog.messages == ["<key k1 of domain people> [<key k1 of domain people>]"]
    with pytest.raises(TypeError, match="stays in the process"):
        pickle.dumps(KEY)
    with pytest.raises(TypeError):
        json.dumps(KEY)
    assert not hasattr(KEY, "__dict__")


def test_airflow_refuses_to_send_a_key_through_xcom():
    from airflow.sdk.serde import serialize

    with pytest.raises((TypeError, AttributeError)):
        serialize({"key": KEY})

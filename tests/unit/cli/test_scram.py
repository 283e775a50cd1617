"""Roles get verifiers, not passwords."""

import base64
import hmac

from dinsight.provision.databases import login_statement
from dinsight.provision.scram import scram_verifier


def test_the_verifier_is_that_of_the_example_in_rfc_7677() -> None:
    # The server key of the example signs its messages as the RFC prints it (section 3).
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    verifier = scram_verifier("pencil", salt)
    method, parameters, keys = verifier.split("$")
    assert (method, parameters) == ("SCRAM-SHA-256", "4096:W22ZaJ0SNY7soEsUEjb6gQ==")
    server_key = base64.b64decode(keys.split(":")[1])
    messages = (
        "n=user,r=rOprNGfwEbeRWgbNEkqO,"
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    signature = base64.b64encode(hmac.digest(server_key, messages.encode(), "sha256")).decode()
    assert signature == "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_no_statement_contains_a_password() -> None:
    statement = login_statement("dinsight_auth", "a secret password")
    assert "a secret password" not in statement
    assert statement != login_statement("dinsight_auth", "a secret password"), "each has a salt of its own"

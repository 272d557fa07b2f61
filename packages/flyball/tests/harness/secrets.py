"""Secrets of all kinds that redaction knows, each with a text that it may stand in. None was ever used."""

from __future__ import annotations

SECRETS = {
    "4111111111111111": "card {} declined",
    "4111 1111 1111 1111": "card {} declined",
    "5500-0055-5555-5559": "pan={}",
    "378282246310005": "amex:{}",
    "6011111111111117": '{{"pan":"{}"}}',
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_DEF-123": "got {} from client",
    "AKIAIOSFODNN7EXAMPLE": "using {} now",
    "AIzaSyA1234567890abcdefghijklmnopqrstuv": "key is {}",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789": "clone with {}",
    "xoxb-123456789012-abcdefABCDEF": "slack {} expired",
    "sk_" + "live_abcdefghijklmnop": "stripe {}",
    "hunter2": "login password={} ok",
    "hunter3,x;y": 'conf {{"password": "{}"}}',
    "s3cr3t value": "client_secret='{}'",
    "tok-abc": "GET /x?token={}&y=1",
    "abc/def+g=": "AWS_SECRET_ACCESS_KEY={}",
    "dXNlcjpwYXNz": "Authorization: Basic {}",
    "abcdef0123456789": "Bearer {}",
    "sid=1; t=2": "Cookie: {}",
    "bob:pa55": "open postgres://{}@db/x",
    "MIIEow\nabc": "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
    "q9q9q9": '\\"api_key\\":\\"{}\\"',
}
"""The secret -> the text, with a place for it."""

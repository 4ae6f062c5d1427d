"""Our signatures of requests to S3 are those that the SDK makes."""

from __future__ import annotations

import datetime
import random
import string
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from openviper.storage.backends.s3_signing import (
    NO_BODY,
    UNSIGNED,
    Signer,
    quoted_path,
    quoted_query,
)

COUNT = 6000
LETTERS = string.ascii_letters + string.digits
PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
ODD = (
    *PRINTABLE,
    *(
        "//",
        "/./",
        "/.../",
        "..a",
        "a..",
        "+",
        "%2F",
        "%zz",
        "~",
        "é",
        "e\u0301",
        "名",
        "🗂",
        "\ufffe",
    ),
)
ORIGINS = (
    "https://bucket.s3.eu-west-1.amazonaws.com",
    "https://s3.us-east-1.amazonaws.com",
    "https://bucket.s3.dualstack.cn-north-1.amazonaws.com.cn",
    "https://name-123456789012.s3-accesspoint-fips.us-gov-west-1.amazonaws.com",
    "http://127.0.0.1:9000",
    "http://[::1]:9000",
    "https://files.example:8443",
)
REGIONS = ("us-east-1", "eu-central-2", "cn-north-1", "us-gov-west-1", "auto")
PATHS = ("", "/bucket", "/b.u-c/key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Hold what is signed once by each."""

    method: str
    origin: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    hashes: bool
    token: str | None
    region: str
    service: str
    now: int


def cases() -> Iterator[Case]:
    chance = random.Random(20261125)
    for _ in range(COUNT):
        yield Case(
            method=chance.choice(("GET", "PUT", "HEAD", "DELETE", "POST")),
            origin=chance.choice(ORIGINS),
            path=f"{chance.choice(PATHS)}/{_text(chance, ODD, 40)}",
            query=_query(chance),
            headers=_headers(chance),
            body=chance.choice((b"", b"x", chance.randbytes(300))),
            hashes=chance.random() < 0.7,
            token=chance.choice((None, _text(chance, (*LETTERS, "+", "/", "="), 200) or None)),
            region=chance.choice(REGIONS),
            service=chance.choice(("s3", "s3-outposts")),
            # From 2020 on, the seconds round midnight among them.
            now=chance.randrange(18_262, 36_524) * 86_400 + chance.choice((-1, 0, 1, 43_210)),
        )


def _text(chance: random.Random, parts: tuple[str, ...], most: int) -> str:
    return "".join(chance.choices(parts, k=chance.randint(0, most)))


def _query(chance: random.Random) -> dict[str, str]:
    known = ("list-type", "prefix", "continuation-token", "start-after", "partNumber", "uploadId")
    names = (*known, "delimiter", "encoding-type", "max-keys", "versions", "x id", "é", "~.-_")
    chosen = chance.sample(names, chance.randint(0, 5))
    return {name: _text(chance, (*ODD, "="), 20) for name in chosen}


def _headers(chance: random.Random) -> dict[str, str]:
    inner = f"{PRINTABLE}  \t"
    values = {
        "content-type": "text/plain; charset=utf-8",
        "cache-control": "max-age=1,  no-store",
        "content-disposition": "attachment; filename=\"a  b\"; filename*=UTF-8''%e2%82%ac",
        "content-encoding": "gzip",
        "if-match": '"0123456789abcdef0123456789abcdef-3"',
        "if-none-match": "*",
        "range": f"bytes={chance.randrange(10)}-{chance.choice(('', '99'))}",
        "x-amz-checksum-crc32": "AAAAAA==",
        "x-amz-checksum-mode": "ENABLED",
    }
    for number in range(chance.randint(0, 4)):
        values[f"x-amz-meta-{_text(chance, (*LETTERS.lower(), '_'), 8)}{number}"] = _text(
            chance, tuple(inner), 30
        )
    return {name: values[name] for name in chance.sample(sorted(values), chance.randint(0, 8))}


def ours(case: Case, signer: Signer, credentials: Credentials) -> dict[str, str]:
    return signer.sign(
        case.method,
        quoted_path(case.path),
        quoted_query(case.query.items()),
        {**case.headers, "host": urlsplit(case.origin).netloc},
        payload=_payload(case),
        credentials=credentials,
        now=case.now + 0.5,
    )


def _payload(case: Case) -> str:
    if not case.hashes:
        return UNSIGNED
    return sha256(case.body).hexdigest() if case.body else NO_BODY


def the_sdks(
    case: Case, credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    query = quoted_query(case.query.items())
    request = AWSRequest(
        method=case.method,
        url=f"{case.origin}{quoted_path(case.path)}{'?' if query else ''}{query}",
        headers=case.headers,
        data=case.body,
    )
    request.context["client_config"] = SimpleNamespace(s3={"payload_signing_enabled": case.hashes})
    moment = datetime.datetime.fromtimestamp(case.now, datetime.UTC)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: moment)
    S3SigV4Auth(credentials, case.service, case.region).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


def test_signatures_are_those_of_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    signers: dict[tuple[str, str], Signer] = {}
    seen: set[str] = set()
    for case in cases():
        key = case.region, case.service
        signer = signers.setdefault(key, Signer(region=key[0], service=key[1]))
        credentials = Credentials("AKIDEXAMPLE", f"wJalr/+{case.now % 3}", case.token)
        signed = ours(case, signer, credentials)
        expected = {
            **the_sdks(case, credentials, monkeypatch),
            "host": urlsplit(case.origin).netloc,
        }
        assert signed == expected, case
        seen.add(signed["authorization"])
    assert len(seen) > 5000

"""What a view may answer with."""

from __future__ import annotations

import datetime
import decimal
import json
import uuid

import pytest

from openviper import JSONResponse, OpenViper, Request

SOME = uuid.UUID(int=7)


def test_json_takes_times_uuids_and_decimals() -> None:
    now = datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.UTC)
    body = JSONResponse([now, now.date(), now.time(), SOME, decimal.Decimal("1.10"), "é"]).body
    assert json.loads(bytes(body)) == [
        "2026-01-02T03:00:00+00:00",
        "2026-01-02",
        "03:00:00",
        "00000000-0000-0000-0000-000000000007",
        "1.10",
        "é",
    ]


def test_json_refuses_the_rest_with_its_type() -> None:
    with pytest.raises(TypeError, match="object can't be JSON"):
        JSONResponse(object())


@pytest.mark.parametrize(
    ("answer", "status", "kind", "body"),
    [
        ({"a": 1}, 200, "application/json", '{"a":1}'),
        ([SOME], 200, "application/json", f'["{SOME}"]'),
        ("<b>", 200, "text/plain; charset=utf-8", "<b>"),
        (None, 204, None, ""),
        (JSONResponse(1, status_code=201), 201, "application/json", "1"),
    ],
)
def test_plain_values_are_answers(answer: object, status: int, kind: str | None, body: str) -> None:
    app = OpenViper()

    @app.get("/")
    async def view(request: Request) -> object:
        return answer

    got = app.test_client().get("/")
    assert (got.status_code, got.headers.get("content-type"), got.text) == (status, kind, body)


def test_other_values_are_a_type_error() -> None:
    app = OpenViper()

    @app.get("/")
    async def view(request: Request) -> object:
        return 3

    with pytest.raises(TypeError, match="can't answer with int"):
        app.test_client().get("/")

"""Which view answers which request."""

from __future__ import annotations

import pytest
from httpx2 import Response
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, NoMatchFound
from starlette.testclient import TestClient

from openviper import HTTPException, OpenViper, Request, Router


async def echo(request: Request, **found: object) -> dict[str, object]:
    return {"method": request.method, **found}


def client_of(*routers: Router) -> TestClient:
    app = OpenViper()
    for router in routers:
        app.include_router(router)
    return app.test_client()


def allowed(answer: Response) -> tuple[int, list[str]]:
    return answer.status_code, sorted(answer.headers["allow"].split(", "))


@pytest.mark.parametrize("verb", ["get", "post", "put", "patch", "delete", "options"])
def test_verb_answers_its_method_and_no_other(verb: str) -> None:
    router = Router()
    getattr(router, verb)("/x")(echo)
    client = client_of(router)
    assert client.request(verb.upper(), "/x").json() == {"method": verb.upper()}
    own = ["GET", "HEAD"] if verb == "get" else [verb.upper()]
    assert allowed(client.request("TRACE", "/x")) == (405, own)


def test_any_answers_all_and_route_those_given() -> None:
    router = Router()
    router.any("/any")(echo)
    router.route("/two", methods=["GET", "PATCH"])(echo)
    client = client_of(router)
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        assert client.request(method, "/any").json() == {"method": method}
    assert client.patch("/two").json() == {"method": "PATCH"}
    assert client.post("/two").status_code == 405


def test_405_names_the_methods_of_all_views_of_the_path() -> None:
    router, other = Router("/x"), Router("/x")
    router.get("/{id:int}")(echo)
    router.put("/{id:int}")(echo)
    other.delete("/{name}")(echo)
    answer = client_of(router, other).post("/x/1")
    assert allowed(answer) == (405, ["DELETE", "GET", "HEAD", "PUT"])
    assert answer.json() == {"error": "Method Not Allowed"}


def test_parameters_of_the_path_are_typed_keyword_arguments() -> None:
    router = Router("/users/{user:int}")
    router.get("/files/{path:path}")(echo)
    client = client_of(router)
    found = {"method": "GET", "user": 7, "path": "a/b c.txt"}
    assert client.get("/users/7/files/a/b%20c.txt").json() == found
    assert client.get("/users/seven/files/a").status_code == 404


def test_routers_nest_with_their_prefixes_in_order() -> None:
    inner, middle, outer = Router("/inner"), Router(), Router("/outer")
    outer.include_router(middle, prefix="/v1")
    middle.include_router(inner)
    inner.get("/here")(echo)  # later than its inclusion
    inner.get("")(echo)
    client = client_of(Router("/other"), outer)
    assert client.get("/outer/v1/inner/here").is_success
    assert client.get("/outer/v1/inner").is_success
    assert client.get("/inner/here").status_code == 404
    assert client.get("/inner/here").json() == {"error": "Not Found"}


def test_the_first_view_that_fits_answers() -> None:
    first, second = Router(), Router()

    @first.get("/{name}")
    async def by_name(request: Request, name: str) -> str:
        return "first"

    second.get("/x")(echo)
    assert client_of(first, second).get("/x").text == "first"


def test_one_router_is_included_twice() -> None:
    router, app = Router(), OpenViper()
    router.get("/x")(echo)
    app.include_router(router, prefix="/a")
    app.include_router(router, prefix="/b")
    client = app.test_client()
    assert client.get("/a/x").is_success
    assert client.get("/b/x").is_success


def test_url_for_finds_views_by_their_names() -> None:
    router, outer = Router("/files/{kind}"), Router("/api")
    outer.include_router(router)

    @router.get("/{id:int}")
    async def show(request: Request, kind: str, id: int) -> str:  # noqa: A002 - as in the path
        return str(request.url_for("edit", kind=kind, id=id + 1))

    router.put("/{id:int}/edit", name="edit")(echo)
    app = OpenViper()
    app.include_router(outer)
    assert app.url_path_for("show", kind="pdf", id=1) == "/api/files/pdf/1"
    got = app.test_client().get("/api/files/pdf/1").text
    assert got == "http://testserver/api/files/pdf/2/edit"
    with pytest.raises(NoMatchFound):
        app.url_path_for("nothing")


def test_plain_starlette_takes_the_routes() -> None:
    router = Router("/r")
    router.get("/x/{id:int}")(echo)
    app = Starlette(routes=[Mount("/sub", routes=router.routes)])
    assert TestClient(app).get("/sub/r/x/3").json() == {"method": "GET", "id": 3}


def test_mounts_of_starlette_come_after_the_views() -> None:
    app = OpenViper()
    app.mount("/", PlainTextResponse("mounted"))
    app.get("/x")(echo)
    client = app.test_client()
    assert client.get("/x").json() == {"method": "GET"}
    assert client.get("/y").text == "mounted"


def test_routes_are_the_same_before_and_after_the_start() -> None:
    app, router = OpenViper(), Router()
    app.include_router(router)
    router.get("/x")(echo)
    app.mount("/m", PlainTextResponse("mounted"))
    before = app.routes
    assert app.test_client().get("/x").is_success
    assert app.routes == before
    assert len(before) == 2


def test_405_of_a_view_keeps_its_own_methods() -> None:
    app = OpenViper()

    @app.any("/x")
    async def view(request: Request) -> None:
        raise HTTPException(405, headers={"Allow": "BREW"})

    assert allowed(app.test_client().get("/x")) == (405, ["BREW"])


def test_head_is_answered_with_get() -> None:
    router = Router()
    router.get("/x")(echo)
    assert client_of(router).head("/x").is_success


def test_mistakes_are_told_where_they_are_made() -> None:
    router = Router()
    with pytest.raises(ValueError, match="'x' must begin with a slash"):
        router.get("x")(echo)
    with pytest.raises(ValueError, match="'/x/' must not end in a slash"):
        Router("/x/")
    with pytest.raises(ValueError, match="must begin with a slash"):
        router.include_router(Router(), prefix="x")
    with pytest.raises(TypeError, match="async function"):
        router.get("/x")(lambda request: None)  # type: ignore[type-var]  # that is the point

from fastapi.testclient import TestClient


def test_an_item_can_be_read_after_it_was_added(client: TestClient) -> None:
    created = client.post("/items", json={"name": "  lamp "})
    assert created.status_code == 201
    assert created.json()["name"] == "lamp"
    assert client.get(created.headers["location"]).json() == created.json()


def test_pages_follow_one_another(client: TestClient) -> None:
    for name in ("a", "b", "c"):
        client.post("/items", json={"name": name})
    first = client.get("/items?limit=2").json()
    rest = client.get(f"/items?after={first[-1]['id']}").json()
    assert [item["name"] for item in first + rest] == ["a", "b", "c"]


def test_a_missing_item_is_a_problem(client: TestClient) -> None:
    answer = client.get("/items/99")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_a_wrong_item_is_refused_without_an_echo_of_it(client: TestClient) -> None:
    answer = client.post("/items", json={"name": "x" * 201, "password": "hunter2"})
    assert answer.status_code == 422
    assert {error["field"] for error in answer.json()["errors"]} == {"body.name", "body.password"}
    assert "hunter2" not in answer.text

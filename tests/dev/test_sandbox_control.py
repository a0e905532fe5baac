"""The paths under /_sandbox/ and the page."""

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.dev.conftest import SENDER, Graph, Receiver

TO = "+34611000100"


async def test_accepted_messages_are_listed_in_order_with_a_cursor(graph: Graph) -> None:
    for n in range(5):
        await graph.welcome(TO, biz_opaque_callback_data=f"m{n}")

    first = await graph.control("GET", "messages?limit=3")
    rest = await graph.control("GET", f"messages?since={first['next']}")

    listed = [m["biz_opaque_callback_data"] for m in first["messages"] + rest["messages"]]
    assert listed == ["m0", "m1", "m2", "m3", "m4"]
    message = first["messages"][0]
    assert (message["seq"], message["to"], message["wa_id"]) == (1, TO, TO[1:])
    assert message["body"]["template"]["name"] == "welcome"
    assert first["total"] == 5


async def test_the_list_streams_as_lines_and_is_emptied(graph: Graph) -> None:
    for _ in range(3):
        await graph.welcome(TO)

    url = f"{graph.sandbox.base_url}/_sandbox/messages?format=jsonl&since=1"
    async with graph.http.get(url) as response:
        lines = [json.loads(line) for line in (await response.text()).splitlines()]
    await graph.control("DELETE", "messages")
    await graph.welcome(TO)

    assert [line["seq"] for line in lines] == [2, 3]
    assert await graph.control("GET", "messages?count=1") == {"count": 1}
    assert (await graph.control("GET", "messages"))["messages"][0]["seq"] == 4


async def test_a_customer_writes_to_a_number(graph: Graph, receiver: Receiver) -> None:
    by_number = {"from": TO, "phone_number_id": SENDER, "text": "Hi", "name": "Ana"}
    button = {"payload": "STOP_PROMO", "text": "Stop promotions"}
    by_user = {"from_user_id": "ES.123400", "type": "button", "button": button}

    answer = await graph.control("POST", "inbound", by_number)
    await graph.control("POST", "inbound", by_user)
    await graph.settle()

    first, second = receiver.messages()
    assert (first["id"], first["from"]) == (answer["id"], TO[1:])
    assert first["text"] == {"body": "Hi"}
    assert ("from" in second, second["from_user_id"]) == (False, "ES.123400")
    assert second["button"] == button
    assert receiver.changes()[0]["value"]["contacts"][0]["profile"] == {"name": "Ana"}


async def test_a_phone_shows_a_profile_name_only_once_its_owner_wrote(graph: Graph) -> None:
    await graph.welcome(TO)
    [before] = (await graph.control("GET", "customers"))["customers"]
    await graph.control("POST", "inbound", {"from": TO, "text": "Hi", "name": "Ana"})
    [after] = (await graph.control("GET", "customers"))["customers"]

    assert (before["wa_id"], before["name"]) == (TO[1:], "")
    assert (after["wa_id"], after["name"]) == (TO[1:], "Ana")


async def test_who_wrote_keeps_name_and_user_id(graph: Graph, receiver: Receiver) -> None:
    await graph.control("POST", "inbound", {"from": TO, "from_user_id": "ES.77700", "name": "Ana"})
    await graph.welcome(TO)
    await graph.settle()

    (contact,) = receiver.changes()[-1]["value"]["contacts"]
    assert contact == {"profile": {"name": "Ana"}, "wa_id": TO[1:], "user_id": "ES.77700"}
    by_number = await graph.control("GET", f"chat?key={TO[1:]}")
    by_user_id = await graph.control("GET", "chat?key=ES.77700")
    assert by_number["items"] == by_user_id["items"]
    assert len(by_number["items"]) == 2


async def test_a_customer_stops_marketing_in_the_settings(graph: Graph, receiver: Receiver) -> None:
    await graph.control(
        "POST", "inbound", {"from": TO, "type": "user_preferences", "value": "stop"}
    )
    await graph.settle()

    (change,) = receiver.changes()
    assert change["field"] == "user_preferences"
    assert change["value"]["user_preferences"][0]["value"] == "stop"


async def test_mistakes_are_told(graph: Graph) -> None:
    url = f"{graph.sandbox.base_url}/_sandbox/"
    async with graph.http.post(url + "inbound", json={"text": "Hi"}) as response:
        assert response.status == 400
    async with graph.http.get(url + "messages?since=x") as response:
        assert response.status == 400
    async with graph.http.get(url + "nothing") as response:
        assert response.status == 404


async def test_reset_goes_back_to_the_seed(graph: Graph, receiver: Receiver) -> None:
    await graph.control("POST", "faults", {"latency_ms": 1})
    await graph.welcome(TO)

    await graph.control("POST", "reset")
    await graph.settle()

    assert (await graph.control("GET", "faults"))["latency_ms"] == 0
    assert await graph.control("GET", "messages?count=1") == {"count": 0}
    assert (await graph.control("GET", "customers"))["total"] == 0


async def test_chats_show_the_filled_template_and_the_answer(graph: Graph) -> None:
    body = [{"type": "text", "text": text} for text in ("Ana", "CODE5")]
    link = [{"type": "text", "text": "spring"}]
    components = [
        {"type": "body", "parameters": body},
        {"type": "button", "sub_type": "url", "index": "0", "parameters": link},
    ]
    template = {"name": "spring_offer", "language": {"code": "en_US"}, "components": components}
    await graph.send(to="+34611000198", type="template", template=template)
    await graph.settle()

    chat = await graph.control("GET", "chat?key=34611000198")

    drawn, answer = chat["items"]
    assert drawn["header"] == "Spring is here"
    assert "Hi Ana" in drawn["body"]
    assert "CODE5" in drawn["body"]
    assert drawn["buttons"][0]["url"] == "https://shop.example/spring"
    assert drawn["buttons"][1]["payload"] == "Stop promotions"
    assert (drawn["status"], answer["body"], answer["written"]) == ("read", "STOP", True)


async def test_customers_are_searched_and_paged_newest_first(graph: Graph) -> None:
    for n in range(60):
        await graph.welcome(f"+3461100{n:02}00")

    first = await graph.control("GET", "customers")
    rest = await graph.control("GET", f"customers?before={first['customers'][-1]['activity']}")
    found = await graph.control("GET", "customers?search=3461100070")

    keys = [c["key"] for c in first["customers"] + rest["customers"]]
    assert keys == [f"3461100{n:02}00" for n in reversed(range(60))]
    assert (first["more"], rest["more"]) == (True, False)
    assert [c["key"] for c in found["customers"]] == ["34611000700"]


async def test_the_page_loads_only_its_own_files(graph: Graph) -> None:
    async with graph.http.get(graph.sandbox.base_url) as response:
        html = await response.text()
        policy = response.headers["Content-Security-Policy"]

    assert "default-src 'self'" in policy
    addresses = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert addresses
    for address in addresses:
        async with graph.http.get(graph.sandbox.base_url + address) as response:
            assert response.status == 200, address


def test_the_sandbox_imports_nothing_of_the_product() -> None:
    names = r"(?m)^\s*(?:from|import) (accounts|analytics|backups|compliance|messaging|reports|"
    names += r"templates_mgmt|django|config\.(?!dev\.sandbox))"
    root = Path(__file__).parents[2] / "config" / "dev" / "sandbox"

    found = [path.name for path in root.glob("*.py") if re.search(names, path.read_text())]

    assert found == []


async def test_a_taken_port_is_one_clear_line(graph: Graph) -> None:
    port = graph.sandbox.base_url.rsplit(":", 1)[1]

    command = [sys.executable, "-m", "config.dev.sandbox", "--port", port]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert result.returncode == 1
    assert result.stdout.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{port}" in result.stdout

"""Templates, numbers, accounts and files of the sandbox."""

import time

import aiohttp
import pytest

from config.dev.sandbox.files import link
from tests.dev.conftest import SENDER, TOKEN, WABA, Graph, Json, Receiver

TEMPLATES = f"{WABA}/message_templates"
BODY = {
    "type": "BODY",
    "text": "Hello {{1}}, welcome to our shop.",
    "example": {"body_text": [["Ana"]]},
}


def new_template(**changes: object) -> Json:
    """Return a template Meta would take."""
    spec: Json = {"name": "hello", "language": "en_US", "category": "UTILITY", "components": [BODY]}
    return {**spec, **changes}


async def test_a_list_is_read_page_by_page(graph: Graph) -> None:
    names: list[str] = []
    url = f"{graph.sandbox.base_url}/v25.0/{TEMPLATES}?limit=5&fields=name,language"
    sizes = []
    while url:
        async with graph.http.get(url, headers=TOKEN) as response:
            page = await response.json()
        sizes.append(len(page["data"]))
        names += [f"{row['name']}:{row['language']}" for row in page["data"]]
        url = page["paging"].get("next", "")

    assert sizes == [5, 5, 3]
    assert len(set(names)) == 13


async def test_before_goes_back(graph: Graph) -> None:
    _, second = await graph.call("GET", f"{TEMPLATES}?limit=5&after=YXQ6NA==")
    cursor = second["paging"]["cursors"]["before"]

    _, first = await graph.call("GET", f"{TEMPLATES}?limit=5&before={cursor}")

    assert first == (await graph.call("GET", f"{TEMPLATES}?limit=5"))[1] | {
        "paging": first["paging"]
    }


async def test_lists_are_filtered(graph: Graph) -> None:
    _, paused = await graph.call("GET", f"{TEMPLATES}?status=PAUSED")
    _, spanish = await graph.call("GET", f"{TEMPLATES}?language=es_ES&category=marketing")

    assert [row["name"] for row in paused["data"]] == ["winter_sale"]
    assert [row["name"] for row in spanish["data"]] == ["spring_offer"]


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "after=%21"])
async def test_a_bad_page_is_refused(graph: Graph, query: str) -> None:
    status, answer = await graph.call("GET", f"{TEMPLATES}?{query}")

    assert (status, answer["error"]["code"]) == (400, 100)


async def test_a_new_template_is_reviewed_and_can_be_sent(graph: Graph, receiver: Receiver) -> None:
    status, created = await graph.call("POST", TEMPLATES, json=new_template())
    assert (status, created["status"]) == (200, "PENDING")

    await graph.settle()

    (change,) = receiver.changes()
    assert change["field"] == "message_template_status_update"
    assert change["value"]["event"] == "APPROVED"
    assert change["value"]["message_template_id"] == int(created["id"])
    _, shown = await graph.call("GET", created["id"])
    assert (shown["status"], shown["components"]) == ("APPROVED", [BODY])


async def test_a_review_can_reject(graph: Graph, receiver: Receiver) -> None:
    await graph.control(
        "POST", "faults", {"template_rejection": 1, "template_rejection_reason": "SCAM"}
    )

    _, created = await graph.call("POST", TEMPLATES, json=new_template())
    await graph.settle()

    assert receiver.changes()[0]["value"]["reason"] == "SCAM"
    _, shown = await graph.call("GET", f"{created['id']}?fields=status,rejected_reason")
    assert shown == {"status": "REJECTED", "rejected_reason": "SCAM", "id": created["id"]}


BAD_TEMPLATES: dict[str, tuple[int | None, Json]] = {
    "name": (None, {"name": "Hello World"}),
    "language": (None, {"language": "xx"}),
    "category": (None, {"category": "NEWS"}),
    "no body": (2388072, {"components": []}),
    "starts with a variable": (2388299, {"components": [{**BODY, "text": "{{1}} is here today"}]}),
    "gap in the numbers": (2388072, {"components": [{**BODY, "text": "Hello {{2}}, welcome."}]}),
    "adjacent": (2388072, {"components": [{**BODY, "text": "Hello {{1}}{{2}} and welcome here."}]}),
    "too many variables": (2388293, {"components": [{**BODY, "text": "Hi {{1}}."}]}),
    "no example": (2388072, {"components": [{"type": "BODY", "text": "Hello {{1}}, welcome."}]}),
    "long footer": (2388073, {"components": [BODY, {"type": "FOOTER", "text": "x" * 61}]}),
    "header without sample": (
        2388047,
        {"components": [BODY, {"type": "HEADER", "format": "IMAGE"}]},
    ),
    "split quick replies": (
        None,
        {
            "components": [
                BODY,
                {
                    "type": "BUTTONS",
                    "buttons": [
                        {"type": "QUICK_REPLY", "text": "A"},
                        {"type": "URL", "text": "B", "url": "https://x.example"},
                        {"type": "QUICK_REPLY", "text": "C"},
                    ],
                },
            ]
        },
    ),
    "duplicate": (2388024, {"name": "welcome"}),
}


@pytest.mark.parametrize("case", BAD_TEMPLATES)
async def test_a_template_against_the_rules_is_not_taken(graph: Graph, case: str) -> None:
    subcode, changes = BAD_TEMPLATES[case]

    status, answer = await graph.call("POST", TEMPLATES, json=new_template(**changes))

    error = answer["error"]
    assert (status, error["code"], error.get("error_subcode")) == (400, 100, subcode)


async def test_an_edit_is_reviewed_again(graph: Graph) -> None:
    _, listed = await graph.call("GET", f"{TEMPLATES}?name=welcome")
    template_id = listed["data"][0]["id"]

    await graph.call("POST", template_id, json={"components": [BODY]})
    _, while_reviewed = await graph.call("GET", template_id)
    await graph.settle()
    _, afterwards = await graph.call("GET", template_id)
    status, _ = await graph.welcome("+34611000100")

    assert (while_reviewed["status"], afterwards["status"]) == ("PENDING", "APPROVED")
    assert status == 400


async def test_a_name_is_deleted_in_every_language(graph: Graph) -> None:
    status, _ = await graph.call("DELETE", f"{TEMPLATES}?name=spring_offer")
    again, _ = await graph.call("DELETE", f"{TEMPLATES}?name=spring_offer")

    _, left = await graph.call("GET", f"{TEMPLATES}?name=spring_offer")
    assert (status, again, left["data"]) == (200, 400, [])


async def test_an_otp_button_reads_back_as_a_url(graph: Graph) -> None:
    components = [
        {"type": "BODY", "add_security_recommendation": True},
        {"type": "FOOTER", "code_expiration_minutes": 5},
        {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "COPY_CODE"}]},
    ]
    spec = new_template(name="code", category="AUTHENTICATION", components=components)

    _, created = await graph.call("POST", TEMPLATES, json=spec)
    _, shown = await graph.call("GET", created["id"])

    assert shown["components"][2]["buttons"][0]["type"] == "URL"
    assert "verification code" in shown["components"][0]["text"]


async def test_numbers_and_accounts_show_the_fields_asked_for(graph: Graph) -> None:
    _, phones = await graph.call("GET", f"{WABA}/phone_numbers")
    _, phone = await graph.call("GET", f"{SENDER}?fields=status,throughput,nothing")
    _, waba = await graph.call("GET", f"{WABA}?fields=name,owner_business_info")
    status, _ = await graph.call("GET", "999")

    assert [p["id"] for p in phones["data"]] == [SENDER, "512345678900012"]
    assert phone == {"status": "CONNECTED", "throughput": {"level": "HIGH"}, "id": SENDER}
    assert waba["owner_business_info"]["id"] == "734567890000033"
    assert status == 400


def picture(content: bytes = b"\x89PNG picture", kind: str = "image/png") -> aiohttp.FormData:
    """Return the form of an upload."""
    form = aiohttp.FormData()
    form.add_field("messaging_product", "whatsapp")
    form.add_field("type", kind)
    form.add_field("file", content, filename="a.png", content_type=kind)
    return form


async def test_a_file_is_uploaded_sent_and_downloaded(graph: Graph) -> None:
    _, uploaded = await graph.call("POST", f"{SENDER}/media", data=picture())
    status, _ = await graph.send(to="+34611000100", type="image", image={"id": uploaded["id"]})
    _, found = await graph.call("GET", uploaded["id"])

    async with graph.http.get(found["url"]) as anonymous:
        assert anonymous.status == 401
    async with graph.http.get(found["url"], headers=TOKEN) as download:
        assert await download.read() == b"\x89PNG picture"
    forged = found["url"].replace("&hash=", "&hash=0")
    async with graph.http.get(forged, headers=TOKEN) as unknown:
        assert unknown.status == 404
    assert (status, found["file_size"], found["mime_type"]) == (200, 12, "image/png")


async def test_a_link_lives_five_minutes(graph: Graph) -> None:
    _, uploaded = await graph.call("POST", f"{SENDER}/media", data=picture())
    media = graph.sandbox.world.media[uploaded["id"]]

    for age, status in ((290, 200), (310, 404)):
        url = link(graph.sandbox, media, now=time.time() - age)
        async with graph.http.get(url, headers=TOKEN) as response:
            assert response.status == status


async def test_a_file_is_deleted(graph: Graph) -> None:
    _, uploaded = await graph.call("POST", f"{SENDER}/media", data=picture())

    first, _ = await graph.call("DELETE", uploaded["id"])
    second, _ = await graph.call("GET", uploaded["id"])

    assert (first, second) == (200, 400)


async def test_files_whatsapp_does_not_take_are_refused(graph: Graph) -> None:
    _, kind = await graph.call("POST", f"{SENDER}/media", data=picture(kind="image/gif"))
    _, size = await graph.call("POST", f"{SENDER}/media", data=picture(b"x" * (5 * 2**20 + 1)))

    assert (kind["error"]["code"], size["error"]["code"]) == (131053, 131053)

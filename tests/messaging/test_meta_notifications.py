"""Every webhook body on file, and every way to spoil one."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.meta import facts, notifications

PAYLOADS = Path(__file__).parent.parent / "payloads"
FILES = {path.stem: path.read_bytes() for path in sorted(PAYLOADS.glob("*.json"))}
AT = datetime.fromtimestamp(1793000000, UTC)
PHONE, BSUID = "+34622000701", "ES.8800112233445566"
WABA, NUMBER = "623456789000022", "512345678900011"


def inbound(kind: str, text: str = "", **more: Any) -> list[tuple[str, dict[str, Any]]]:
    return [("InboundMessage", {"type": kind, "text": text, "from_phone": PHONE, **more})]


def status(word: str, **more: Any) -> list[tuple[str, dict[str, Any]]]:
    return [("StatusUpdate", {"status": word, "recipient_phone": PHONE, **more})]


def failed(code: int) -> list[tuple[str, dict[str, Any]]]:
    return status("failed", code=code, pricing=None)


def template(kind: str, event: str = "", **more: Any) -> list[tuple[str, dict[str, Any]]]:
    return [("TemplateEvent", {"kind": kind, "event": event, "language": "es_ES", **more})]


def sender(kind: str, event: str, **more: Any) -> list[tuple[str, dict[str, Any]]]:
    shown = {"display_phone_number": "+34911000100"}
    return [("SenderEvent", {"kind": kind, "event": event, **shown, **more})]


def account(kind: str, event: str = "", **more: Any) -> list[tuple[str, dict[str, Any]]]:
    return [("AccountEvent", {"kind": kind, "event": event, **more})]


def preference(value: str, **more: Any) -> list[tuple[str, dict[str, Any]]]:
    fields = {"phone": PHONE, "bsuid": BSUID, "category": "marketing_messages", "timestamp": AT}
    return [("UserPreference", {"value": value, **fields, **more})]


EXPECTED: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "account_alert_limit_deferred": account(
        "alert", "INCREASED_CAPABILITIES_ELIGIBILITY_DEFERRED", severity="WARNING", timestamp=AT
    ),
    "account_review_approved": account("review", "APPROVED"),
    "account_update_account_deleted": account("update", "ACCOUNT_DELETED", waba_id=WABA),
    "account_update_account_offboarded": account("update", "ACCOUNT_OFFBOARDED"),
    "account_update_account_reconnected": account("update", "ACCOUNT_RECONNECTED"),
    "account_update_account_restriction": account(
        "update",
        "ACCOUNT_RESTRICTION",
        restrictions=(
            facts.Restriction(
                "RESTRICTED_BIZ_INITIATED_MESSAGING", datetime.fromtimestamp(1793259200, UTC)
            ),
            facts.Restriction(
                "RESTRICTED_ADD_PHONE_NUMBER_ACTION", datetime.fromtimestamp(1793259200, UTC)
            ),
        ),
    ),
    "account_update_account_violation": account("update", "ACCOUNT_VIOLATION", detail="SPAM"),
    "account_update_disabled_update": account(
        "update", "DISABLED_UPDATE", detail="SCHEDULE_FOR_DISABLE November 25, 2026"
    ),
    "account_update_partner_added": account("update", "PARTNER_ADDED", waba_id=WABA),
    "account_update_partner_removed": account(
        "update", "PARTNER_REMOVED", detail="PRIMARY_INACTIVITY"
    ),
    "account_update_volume_based_pricing_tier_update": account(
        "update", "VOLUME_BASED_PRICING_TIER_UPDATE"
    ),
    "batch_three_messages_one_duplicate": [
        *inbound("text", "uno"),
        *inbound("text", "dos"),
        *inbound("text", "uno"),
    ],
    "batch_two_tenants": [
        *inbound("text", "Mensaje 1", waba_id=WABA, phone_number_id=NUMBER),
        *status("delivered", waba_id=WABA),
        *inbound(
            "text",
            "Mensaje de otro inquilino",
            waba_id="623456789000099",
            phone_number_id="512345678900099",
            from_phone="+5215555000703",
            from_bsuid="",
            profile_name="Diego",
        ),
    ],
    "business_username_update": sender("username", "APPROVED", name="clinicaejemplo"),
    "capability_tier_2k": account("capability", messaging_limit="TIER_2K"),
    "flows_status_change": account("flow", "FLOW_STATUS_CHANGE", detail="Flow status changed"),
    "history_declined": [("ValueErrors", {"field": "history", "code": 2593109})],
    "history_threads": [("HistoryChunk", {"phase": 1, "chunk_order": 1, "progress_percent": 55})],
    "messaging_handover": [
        (
            "Handover",
            {
                "kind": "control_passed",
                "previous_owner": "ai_agent",
                "new_owner": "escalation",
                "phone": PHONE,
                "timestamp": AT,
            },
        )
    ],
    "msg_audio_file": inbound("audio"),
    "msg_audio_voice": inbound("audio"),
    "msg_button": inbound("button", "Dejar de recibir", payload="BAJA_PROMO"),
    "msg_contacts": inbound("contacts"),
    "msg_contacts_phone_request": inbound("contacts", from_phone="", from_bsuid=BSUID),
    "msg_document": inbound("document", "Factura"),
    "msg_edit": inbound(
        "edit",
        "Buenas, ¿a qué hora abrís el lunes?",
        target_wamid="wamid.HBgLMzQ2MjIwMDA3MDEVAgASGBQzQUY1NUZGMTZGNjZGNDMzNjAyNgA=",
    ),
    "msg_image": inbound("image", "Este es el recibo"),
    "msg_image_no_caption_no_url": inbound("image"),
    "msg_interactive_button_reply": inbound("interactive", "Confirmar", payload="confirmar"),
    "msg_interactive_list_reply": inbound("interactive", "Tarde", payload="tramo_tarde"),
    "msg_interactive_nfm_reply_address": inbound("interactive", "Calle Mayor 1"),
    "msg_interactive_nfm_reply_flow": inbound("interactive", "Sent"),
    "msg_interactive_without_body": inbound("interactive", content={}),
    "msg_location_pin": inbound("location"),
    "msg_location_place": inbound("location"),
    "msg_order": inbound("order", "Sin cebolla, gracias"),
    "msg_reaction": inbound(
        "reaction", target_wamid="wamid.HBgLMzQ2MjIwMDA3MDEVAgARGBIwRUQyOUFFMkI5RjQzMDVEODkA"
    ),
    "msg_reaction_removed": inbound(
        "reaction", target_wamid="wamid.HBgLMzQ2MjIwMDA3MDEVAgARGBIwRUQyOUFFMkI5RjQzMDVEODkA"
    ),
    "msg_revoke": inbound(
        "revoke",
        target_wamid="wamid.HBgLMzQ2MjIwMDA3MDEVAgASGBQzQUY1NUZGMTZGNjZGNDMzNjAyNgA=",
    ),
    "msg_sticker": inbound("sticker"),
    "msg_text": inbound(
        "text",
        "Buenas, ¿a qué hora abrís mañana? 😊",
        from_bsuid=BSUID,
        profile_name="Lucía Ferrer",
        timestamp=AT,
        waba_id=WABA,
        phone_number_id=NUMBER,
        standby=False,
    ),
    "msg_text_forwarded": inbound("text", "Mirad esto", is_forwarded=True, context_wamid=""),
    "msg_text_frequently_forwarded": inbound("text", "Cadena", is_forwarded=True),
    "msg_text_group": inbound("text", "¿Quién viene?", group_id="Y2FwaV9ncm91cDpleGFtcGxl"),
    "msg_text_identity_hash": inbound("text", "Hola"),
    "msg_text_parent_bsuid": inbound(
        "text",
        "Hola otra vez",
        from_bsuid=BSUID,
        parent_bsuid="ES.ENT.9900112233445566",
        username="marta.vega",
    ),
    "msg_text_pre_bsuid": inbound("text", "Hola", from_bsuid=""),
    "msg_text_product_inquiry": inbound("text", "¿Queda en talla M?"),
    "msg_text_referral_ad": inbound("text", "Vengo del anuncio"),
    "msg_text_reply": inbound(
        "text",
        "Sí, me va bien",
        context_wamid="wamid.HBgLMzQ2MjIwMDA3MDEVAgARGBIyMzUyREE3MjgwRjFERUNDM0EA",
    ),
    "msg_text_stop": inbound("text", "STOP"),
    "msg_text_username_no_phone": inbound(
        "text", "Hola, soy nueva", from_phone="", from_bsuid=BSUID, username="marta.vega"
    ),
    "msg_unsupported": inbound("unsupported", code=131051),
    "msg_video": inbound("video", "Vídeo"),
    "partner_solutions": account("partner", "SOLUTION_UPDATED", waba_id="734567890000033"),
    "payment_configuration_update": account("payment", "Active"),
    "phone_name_approved": sender("name", "APPROVED", name="Clínica Ejemplo", reason=""),
    "phone_name_rejected": sender("name", "REJECTED", reason="NAME_FORMAT_UNACCEPTABLE"),
    "phone_quality_onboarding_v23": sender("quality", "ONBOARDING", messaging_limit="TIER_250"),
    "phone_quality_throughput": sender(
        "throughput", "THROUGHPUT_UPGRADE", messaging_limit="TIER_UNLIMITED"
    ),
    "security_pin_reset": sender("security", "PIN_RESET_REQUEST"),
    "smb_app_state_sync": [
        (
            "AppStateSync",
            {"phone": PHONE, "full_name": "Lucía Ferrer", "action": "add", "timestamp": AT},
        )
    ],
    "smb_message_echo": [
        ("Echo", {"to_phone": PHONE, "text": "Contesto desde el móvil", "standby": False})
    ],
    "standby_message": inbound("text", "¿Hablo con un robot?", standby=True),
    "standby_status": status("delivered", standby=True),
    "status_delivered_service": status(
        "delivered",
        pricing=facts.Pricing("service", "free_customer_service", False, "PMP"),
        conversation=None,
    ),
    "status_delivered_service_billed": status(
        "delivered", pricing=facts.Pricing("service", "regular", True, "PMP")
    ),
    "status_failed_130472": failed(130472),
    "status_failed_131026": failed(131026),
    "status_failed_131042": failed(131042),
    "status_failed_131047": failed(131047),
    "status_failed_131048": failed(131048),
    "status_failed_131049": failed(131049),
    "status_failed_131050": failed(131050),
    "status_failed_131053": failed(131053),
    "status_failed_131056": failed(131056),
    "status_failed_132015": failed(132015),
    "status_free_entry_point": status(
        "sent",
        conversation=facts.ConversationInfo(
            "fep0example", "referral_conversion", datetime.fromtimestamp(1793259200, UTC)
        ),
    ),
    "status_group_read": status(
        "read",
        recipient_phone="",
        group_id="Y2FwaV9ncm91cDpleGFtcGxl",
        participant="34622000701",
    ),
    "status_marketing_lite": status("sent"),
    "status_played": status("played"),
    "status_read": status("read", pricing=None, timestamp=datetime.fromtimestamp(1793000060, UTC)),
    "status_sent_bsuid_only": status("sent", recipient_phone="", recipient_bsuid=BSUID),
    "status_sent_callback_data": status("sent", callback_data='{"tenant":7,"msg":991}'),
    "status_sent_marketing": status("sent", recipient_bsuid=BSUID, timestamp=AT),
    "status_sent_utility_v23": status("sent"),
    "sys_customer_identity_changed": [
        (
            "IdentityChange",
            {
                "kind": "customer_identity_changed",
                "old_phone": PHONE,
                "new_phone": "",
                "identity_hash": "QkVYQU1QTEU=",
            },
        )
    ],
    "sys_user_changed_number": [
        (
            "IdentityChange",
            {
                "kind": "user_changed_number",
                "old_phone": PHONE,
                "new_phone": "+34622000702",
                "old_bsuid": BSUID,
                "new_bsuid": "ES.8800112233449999",
            },
        )
    ],
    "sys_user_changed_user_id": [
        (
            "IdentityChange",
            {
                "kind": "user_changed_user_id",
                "old_phone": "",
                "old_bsuid": BSUID,
                "new_bsuid": "ES.8800112233449999",
            },
        )
    ],
    "template_category_done": template(
        "category", category="MARKETING", previous_category="UTILITY", upcoming_category=""
    ),
    "template_category_impending": template(
        "category",
        category="UTILITY",
        upcoming_category="MARKETING",
        effective_at=datetime.fromtimestamp(1793086400, UTC),
    ),
    "template_components_update": template("components", template_id="1902000000000077"),
    "template_quality_red": template("quality", "RED", quality="RED", previous_quality="YELLOW"),
    "template_quality_yellow": template("quality", "YELLOW", previous_quality="GREEN"),
    "template_status_approved": template(
        "status",
        "APPROVED",
        template_id="1902000000000077",
        name="recordatorio_cita",
        reason="",
        category="UTILITY",
        timestamp=AT,
    ),
    "template_status_archived": template("status", "ARCHIVED"),
    "template_status_disabled": template("status", "DISABLED", title="DISABLED"),
    "template_status_flagged": template("status", "FLAGGED"),
    "template_status_paused_first": template("status", "PAUSED", title="FIRST_PAUSE"),
    "template_status_paused_second": template("status", "PAUSED", title="SECOND_PAUSE"),
    "template_status_pending_deletion": template("status", "PENDING_DELETION", reason=""),
    "template_status_reinstated": template("status", "REINSTATED"),
    "template_status_rejected": template(
        "status",
        "REJECTED",
        reason="INVALID_FORMAT",
        description="Parameters are adjacent. Put text between parameters.",
    ),
    "unknown_field": [("UnknownItem", {"field": "field_of_the_future", "waba_id": WABA})],
    "user_preferences_resume": preference("resume"),
    "user_preferences_signup": preference("signup", signup_id="990000000000088"),
    "user_preferences_stop": preference("stop"),
    "value_errors_only": [("ValueErrors", {"field": "messages", "code": 130429})],
}


def test_every_file_has_its_expectation() -> None:
    assert sorted(EXPECTED) == sorted(FILES)


def first_code(item: Any) -> int | None:
    code: int | None = item.errors[0].code
    return code


@pytest.mark.parametrize("name", FILES)
def test_each_payload_parses_to_what_it_says(name: str) -> None:
    found = notifications.parse(FILES[name])

    assert [type(item).__name__ for item in found] == [kind for kind, _ in EXPECTED[name]]
    for item, (_, fields) in zip(found, EXPECTED[name], strict=True):
        for field, value in fields.items():
            actual = first_code(item) if field == "code" else getattr(item, field)
            assert actual == value, field


@pytest.mark.parametrize("name", FILES)
def test_metas_ascii_escaped_form_parses_to_the_same(name: str) -> None:
    body = json.loads(FILES[name])
    on_the_wire = json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode()

    assert notifications.parse(on_the_wire) == notifications.parse(body)


def test_a_history_chunk_knows_who_wrote() -> None:
    (chunk,) = notifications.parse(FILES["history_threads"])

    assert isinstance(chunk, facts.HistoryChunk)
    ours, theirs = chunk.messages
    assert (ours.outbound, ours.text, ours.status) == (True, "Su pedido está listo", "read")
    assert (theirs.outbound, theirs.type, theirs.thread) == (False, "media_placeholder", PHONE)


@pytest.mark.parametrize(
    "body", [b"", b"not json", b"[]", b'"text"', b"17", b"null", b"\xff\xfe", b"{", b"[" * 5000]
)
def test_what_is_no_json_object_is_invalid(body: bytes) -> None:
    with pytest.raises(notifications.InvalidNotification):
        notifications.parse(body)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"object": "whatsapp_business_account"},
        {"entry": None},
        {"entry": [None, 3, "x", []]},
        {"entry": [{"id": 1}]},
        {"entry": [{"changes": [{"field": "messages", "value": None}]}]},
        {"entry": [{"changes": [{"field": "messages", "value": {"statuses": []}}]}]},
        {"entry": [{"changes": [{"field": ["messages"], "value": []}]}]},
        {"object": "page", "entry": [{"id": "1", "messaging": []}]},
        {"object": "page", "entry": [{"changes": [{"field": "messages", "value": {}}]}]},
    ],
)
def test_a_body_with_nothing_known_is_kept_as_unknown(body: dict[str, Any]) -> None:
    found = notifications.parse(body)

    assert found
    assert all(isinstance(item, facts.UnknownItem) for item in found)


def spoilt(name: str, path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    body = json.loads(FILES[name])
    place = body["entry"][0]["changes"][0]
    for step in path[:-1]:
        place = place[step]
    if value is KeyError:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return dict(body)


def only(body: dict[str, Any]) -> Any:
    (item,) = notifications.parse(body)
    return item


def test_a_field_inside_the_value_is_found() -> None:
    body = spoilt("template_status_approved", ("value", "field"), "message_template_status_update")
    del body["entry"][0]["changes"][0]["field"]

    assert only(body).event == "APPROVED"


def test_messages_without_any_field_are_found() -> None:
    assert only(spoilt("msg_text", ("field",), KeyError)).type == "text"


def test_messages_under_a_new_field_are_found() -> None:
    assert only(spoilt("msg_text", ("field",), "messages_v2")).type == "text"


def test_a_message_without_id_is_kept_as_unknown() -> None:
    item = only(spoilt("msg_text", ("value", "messages", 0, "id"), KeyError))

    assert isinstance(item, facts.UnknownItem)
    assert item.phone_number_id == NUMBER


def test_a_message_of_a_new_type_is_still_a_message() -> None:
    body = spoilt("msg_text", ("value", "messages", 0, "type"), "hologram")
    body["entry"][0]["changes"][0]["value"]["messages"][0]["hologram"] = {"id": "1"}

    item = only(body)

    assert (item.type, item.content, item.text) == ("hologram", {"id": "1"}, "")


def test_numbers_and_text_may_change_places() -> None:
    body = spoilt("status_read", ("value", "statuses", 0, "timestamp"), 1793000060)
    body["entry"][0]["id"] = 623456789000022
    body["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = 512345678900011

    item = only(body)

    assert item.timestamp == datetime.fromtimestamp(1793000060, UTC)
    assert (item.waba_id, item.phone_number_id) == (WABA, NUMBER)


@pytest.mark.parametrize("value", [None, "", "soon", -1, 0, 10**30, True, [], "٣", "²²²²²²²²²²"])
def test_a_time_that_cannot_be_read_is_none(value: Any) -> None:
    assert (
        only(spoilt("status_read", ("value", "statuses", 0, "timestamp"), value)).timestamp is None
    )


def test_a_time_in_milliseconds_is_understood() -> None:
    body = spoilt("status_read", ("value", "statuses", 0, "timestamp"), "1793000000000")

    assert only(body).timestamp == AT


def test_the_language_of_a_template_has_metas_code_form() -> None:
    body = spoilt("template_status_approved", ("value", "message_template_language"), "en-US")

    assert only(body).language == "en_US"


def test_a_quality_event_under_the_status_field_is_a_quality_event() -> None:
    body = spoilt("template_quality_red", ("field",), "message_template_status_update")

    assert (only(body).kind, only(body).quality) == ("quality", "RED")


def test_errors_beside_messages_are_both_reported() -> None:
    body = spoilt("msg_text", ("value", "errors"), [{"code": "131000", "title": "Oops"}])

    message, errors = notifications.parse(body)

    assert isinstance(message, facts.InboundMessage)
    assert isinstance(errors, facts.ValueErrors)
    assert errors.errors[0].code == 131000


def test_one_contact_does_not_lend_its_name_to_somebody_else() -> None:
    item = only(spoilt("msg_text", ("value", "messages", 0, "from"), "34699999999"))

    assert (item.from_phone, item.from_bsuid, item.profile_name) == ("+34699999999", "", "")


def test_a_phone_spelt_in_two_ways_is_one_person() -> None:
    body = spoilt("msg_text", ("value", "messages", 0, "from"), "551187654321")
    body["entry"][0]["changes"][0]["value"]["contacts"][0]["wa_id"] = "5511987654321"

    assert only(body).profile_name == "Lucía Ferrer"


def test_contacts_are_matched_to_their_messages() -> None:
    body = json.loads(FILES["msg_text"])
    value = body["entry"][0]["changes"][0]["value"]
    other = {"profile": {"name": "Pau"}, "wa_id": "34622000799", "user_id": "ES.2"}
    value["contacts"].insert(0, other)
    value["messages"].append({**value["messages"][0], "id": "wamid.2", "from": "34622000799"})

    names = [getattr(item, "profile_name", "?") for item in notifications.parse(body)]

    assert names == ["Lucía Ferrer", "Pau"]


def test_the_withdrawn_user_id_field_is_still_read() -> None:
    value = {
        "metadata": {"phone_number_id": NUMBER},
        "user_id_update": [
            {"wa_id": "34622000701", "user_id": {"previous": "ES.1", "current": "ES.2"}}
        ],
    }
    body = {"entry": [{"id": WABA, "changes": [{"field": "user_id_update", "value": value}]}]}

    item = only(body)

    assert (item.kind, item.old_bsuid, item.new_bsuid) == ("user_changed_user_id", "ES.1", "ES.2")


def test_a_system_message_that_says_nothing_is_unknown() -> None:
    body = spoilt("sys_user_changed_number", ("value", "messages", 0, "system"), {"type": "x"})

    assert isinstance(only(body), facts.UnknownItem)


def test_a_group_is_never_taken_for_a_phone() -> None:
    item = only(spoilt("status_group_read", ("value", "statuses", 0, "recipient_id"), "1203630"))

    assert (item.recipient_phone, item.group_id) == ("", "1203630")


def test_half_an_emoji_does_not_cost_the_batch() -> None:
    raw = orjson.dumps(json.loads(FILES["msg_text"])).replace(
        "Lucía Ferrer".encode(), b"Luc\\ud83d", 1
    )

    (item,) = notifications.parse(raw)

    assert isinstance(item, facts.InboundMessage)
    assert item.profile_name == "Luc?"


def test_a_nul_is_dropped_because_postgresql_cannot_store_it() -> None:
    raw = FILES["msg_text_stop"].replace(b'"STOP"', b'"ST\\u0000OP"')

    (item,) = notifications.parse(raw)

    assert isinstance(item, facts.InboundMessage)
    assert item.text == "STOP"
    assert "\x00" not in json.dumps(item.raw)


def test_a_thousand_statuses_come_back_in_order() -> None:
    body = json.loads(FILES["status_read"])
    row = body["entry"][0]["changes"][0]["value"]["statuses"][0]
    body["entry"][0]["changes"][0]["value"]["statuses"] = [
        {**row, "id": f"wamid.{number}"} for number in range(1000)
    ]

    found = notifications.parse(orjson.dumps(body))

    assert [getattr(item, "wamid", "") for item in found] == [f"wamid.{n}" for n in range(1000)]


JUNK = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(min_value=-(2**70), max_value=2**70),
        st.floats(),
        st.text(max_size=12),
        st.sampled_from(["text", "system", "interactive", "edit", "1793000000", "group"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    rows: Any = []
    if isinstance(value, dict):
        rows = value.items()
    elif isinstance(value, list):
        rows = enumerate(value)
    return [place for key, inner in rows for place in ((*path, key), *_places(inner, (*path, key)))]


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_no_spoilt_payload_makes_the_parser_raise(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(FILES)))
    body = copy.deepcopy(json.loads(FILES[name]))
    for _ in range(data.draw(st.integers(min_value=1, max_value=3))):
        places = _places(body)
        if not places:
            break
        *way, last = data.draw(st.sampled_from(places))
        place = body
        for step in way:
            place = place[step]
        if data.draw(st.booleans()):
            del place[last]
        else:
            place[last] = data.draw(JUNK)

    assert notifications.parse(body)


@settings(max_examples=200, deadline=None)
@given(raw=st.one_of(st.binary(max_size=80), JUNK.map(lambda value: json.dumps(value).encode())))
def test_no_bytes_make_the_parser_raise_anything_else(raw: bytes) -> None:
    try:
        found = notifications.parse(raw)
    except notifications.InvalidNotification:
        return
    assert found

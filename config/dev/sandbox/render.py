"""Draw messages for the phone page: header, body, footer, buttons and where they stand."""

import re
from typing import Any

import orjson

from config.dev.sandbox.accepted import Message
from config.dev.sandbox.customers import Customer, Inbound
from config.dev.sandbox.errors import Json, title
from config.dev.sandbox.world import PLACEHOLDER, Template, find_component

MEDIA = ("image", "video", "audio", "document", "sticker")


def bubble(item: Message | Inbound) -> Json:
    """Return what the page draws for one message; of an odd one only its type."""
    try:
        return _received(item) if isinstance(item, Message) else _written(item)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return _odd(item)


def _odd(item: Message | Inbound) -> Json:
    if isinstance(item, Message):
        sender, kind, wamid = item.phone.id, item.type, item.wamid
    else:
        sender, wamid = item.phone_number_id, str(item.content["id"])
        kind = str(item.content.get("type", "message"))
    drawn = {"id": wamid, "at": item.at, "phone_number_id": sender, "type": kind}
    return {**drawn, "written": isinstance(item, Inbound), "label": kind, "body": f"[{kind}]"}


def summary(customer: Customer) -> Json:
    """Return the line of a customer in the list."""
    last = bubble(customer.items[-1]) if customer.items else {}
    return {
        "key": customer.key,
        "wa_id": customer.wa_id,
        "user_id": customer.user_id,
        "name": customer.known_name,
        "activity": customer.activity,
        "text": last.get("body") or last.get("label", ""),
        "at": last.get("at"),
        "written": last.get("written", False),
        "status": last.get("status"),
    }


def _received(message: Message) -> Json:
    payload: Json = orjson.loads(message.body)
    drawn: Json = {
        "id": message.wamid,
        "written": False,
        "at": message.at,
        "phone_number_id": message.phone.id,
        "status": message.status,
        "type": message.type,
        "label": message.type,
    }
    if message.status == "failed":
        code = 131047 if message.window_closed else message.outcome.error_code or 0
        drawn["error"] = f"{code} {title(code)}"
    if message.template is not None:
        drawn["template"] = f"{message.template.name} · {message.template.language}"
        return drawn | _template(message.template, payload["template"])
    context = payload.get("context") or {}
    drawn["quotes"] = context.get("message_id")
    return drawn | _content(message.type, payload.get(message.type))


def _written(inbound: Inbound) -> Json:
    content = inbound.content
    kind = str(content.get("type", ""))
    drawn: Json = {
        "id": content["id"],
        "written": True,
        "at": inbound.at,
        "phone_number_id": inbound.phone_number_id,
        "type": kind,
        "label": kind,
        "quotes": (content.get("context") or {}).get("id"),
    }
    if kind == "button":
        return drawn | {"body": content["button"].get("text", "")}
    if kind == "interactive":
        reply = content["interactive"]
        chosen = reply.get(str(reply.get("type"))) or {}
        return drawn | {"body": chosen.get("title") or chosen.get("body") or "answered"}
    return drawn | _content(kind, content.get(kind))


def _content(kind: str, content: Any) -> Json:
    """Draw content that is written the same way in both directions."""
    if kind == "text":
        return {"body": content.get("body", "")}
    if kind in MEDIA:
        return {"media": _media(kind, content), "body": content.get("caption", "")}
    if kind == "location":
        place = content.get("name") or f"{content['latitude']}, {content['longitude']}"
        return {"media": {"kind": "location", "name": place}, "body": content.get("address", "")}
    if kind == "contacts":
        names = [contact["name"]["formatted_name"] for contact in content]
        return {"media": {"kind": "contact", "name": ", ".join(names)}}
    if kind == "reaction":
        return {"body": content.get("emoji") or "", "reaction": True}
    if kind == "interactive":
        return _interactive(content)
    return {"body": f"[{kind}]"}


def _media(kind: str, content: Json) -> Json:
    link = str(content.get("link") or "")
    name = content.get("filename") or link.rsplit("/", 1)[-1] or kind
    return {"kind": kind, "name": name, "id": content.get("id"), "link": link}


def _interactive(content: Json) -> Json:
    drawn: Json = {
        "body": (content.get("body") or {}).get("text", ""),
        "footer": (content.get("footer") or {}).get("text"),
    }
    header = content.get("header") or {}
    if header.get("type") == "text":
        drawn["header"] = header.get("text")
    elif header.get("type") in MEDIA:
        drawn["media"] = _media(header["type"], header[header["type"]])
    action = content.get("action") or {}
    kind = content.get("type")
    if kind == "button":
        drawn["buttons"] = [{"kind": "reply", **b["reply"]} for b in action["buttons"]]
    elif kind == "list":
        rows = [row for section in action["sections"] for row in section["rows"]]
        drawn["buttons"] = [{"kind": "list", "title": action["button"], "rows": rows}]
    elif kind == "cta_url":
        parameters = action["parameters"]
        button = {"kind": "url", "title": parameters["display_text"], "url": parameters["url"]}
        drawn["buttons"] = [button]
    elif kind == "location_request_message":
        drawn["buttons"] = [{"kind": "location", "title": "Send location"}]
    return drawn


def _template(template: Template, spec: Json) -> Json:
    """Fill the template with the parameters it was sent with."""
    sent: dict[str, Json] = {}
    buttons: dict[int, Json] = {}
    for component in spec.get("components") or []:
        kind = str(component.get("type", "")).lower()
        if kind == "button":
            buttons[int(component["index"])] = component
        else:
            sent[kind] = component
    body = find_component(template.components, "BODY") or {}
    footer = find_component(template.components, "FOOTER") or {}
    bar = find_component(template.components, "BUTTONS") or {}
    drawn: Json = {
        "body": _fill(str(body.get("text", "")), sent.get("body")),
        "footer": footer.get("text"),
        "buttons": [_button(b, buttons.get(at)) for at, b in enumerate(bar.get("buttons", []))],
    }
    return drawn | _header(template, sent.get("header"))


def _header(template: Template, sent: Json | None) -> Json:
    header = find_component(template.components, "HEADER")
    if header is None:
        return {}
    kind = str(header.get("format", "TEXT")).lower()
    if kind == "text":
        return {"header": _fill(str(header.get("text", "")), sent)}
    parameter = (sent or {}).get("parameters", [{}])[0].get(kind, {})
    return {"media": _media(kind, parameter)}


def _fill(text: str, sent: Json | None) -> str:
    values: dict[str, str] = {}
    for position, parameter in enumerate((sent or {}).get("parameters") or [], start=1):
        kind = parameter.get("type", "text")
        value = parameter.get(kind)
        shown = value if isinstance(value, str) else (value or {}).get("fallback_value", "")
        values[parameter.get("parameter_name") or str(position)] = shown
    return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), text)


def _button(button: Json, sent: Json | None) -> Json:
    kind = str(button.get("type", "")).upper()
    parameter: Json = ((sent or {}).get("parameters") or [{}])[0]
    drawn: Json = {"kind": kind.lower(), "title": button.get("text", kind.title())}
    if kind == "QUICK_REPLY":
        drawn["payload"] = parameter.get("payload") or drawn["title"]
    elif kind == "URL":
        url = str(button.get("url", ""))
        drawn["url"] = re.sub(r"\{\{1\}\}$", lambda _match: str(parameter.get("text", "")), url)
        if "otp_type=" in url:
            drawn |= {"kind": "copy_code", "code": parameter.get("text", "")}
    elif kind == "COPY_CODE":
        drawn["code"] = parameter.get("coupon_code", "")
    return drawn

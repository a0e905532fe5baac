"""What stands on the wire: numbers, a template and its message, the sandbox's accounts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import orjson

from config.lib.ids import new_ids

BODY: Final = "Hi {{1}}, our spring collection is here. Use code {{2}} until Sunday."
COMPONENTS: Final = [{"type": "BODY", "text": BODY, "example": {"body_text": [["Ana", "SP10"]]}}]
CONTENT: Final = {
    "name": "bench_offer",
    "language": {"code": "en_US", "policy": "deterministic"},
    "components": [
        {
            "type": "body",
            "parameters": [{"type": "text", "text": "Ana"}, {"type": "text", "text": "SPRING10"}],
        }
    ],
}


def phone_number_id(shop: int, sender: int) -> str:
    """Return the id at Meta of a number."""
    return f"5123456{shop:04d}{sender:04d}"


def write_seed(path: Path, shops: int, senders: int) -> None:
    """Write the accounts of these shops as the sandbox reads them."""
    accounts = []
    for shop in range(shops):
        numbers = [
            {
                "id": phone_number_id(shop, one),
                "display_phone_number": f"+34 911 {shop:03d} {one:03d}",
                "verified_name": "Shop",
                "status": "CONNECTED",
                "throughput": {"level": "HIGH"},
            }
            for one in range(senders)
        ]
        accounts.append(
            {
                "id": f"6234567890{shop:05d}",
                "name": f"Shop {shop}",
                "portfolio": {"id": f"7345678900{shop:05d}", "name": "Shops"},
                "phone_numbers": numbers,
                "templates": [
                    {
                        "id": f"1902000{shop:05d}",
                        "name": "bench_offer",
                        "language": "en_US",
                        "category": "MARKETING",
                        "status": "APPROVED",
                        "parameter_format": "POSITIONAL",
                        "components": COMPONENTS,
                    }
                ],
            }
        )
    path.write_text(json.dumps({"accounts": accounts}))


def phone_of(number: int) -> str:
    """Return the phone of a person."""
    return f"+346{number:08d}"


def status(message_id: UUID, person: int, word: str, at: datetime) -> dict[str, Any]:
    """Return one status of a message as Meta writes it."""
    return {
        "id": wamid_of(message_id),
        "status": word,
        "timestamp": str(int(at.timestamp())),
        "recipient_id": phone_of(person)[1:],
        "biz_opaque_callback_data": str(message_id),
        "pricing": {
            "billable": True,
            "pricing_model": "PMP",
            "type": "regular",
            "category": "marketing",
        },
    }


def wamid_of(message_id: UUID) -> str:
    """Return the id Meta gave a message of ours."""
    return f"wamid.HBgLM{message_id.hex}"


def status_body(statuses: list[dict[str, Any]], *, shop: int = 0, sender: int = 0) -> bytes:
    """Return the body of a webhook with these statuses of one number."""
    people = [{"profile": {"name": "Ana"}, "wa_id": one["recipient_id"]} for one in statuses[:1]]
    value = {
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": f"34911{shop:03d}{sender:03d}",
            "phone_number_id": phone_number_id(shop, sender),
        },
        "contacts": people,
        "statuses": statuses,
    }
    change = {"value": value, "field": "messages"}
    return orjson.dumps(
        {
            "object": "whatsapp_business_account",
            "entry": [{"id": f"6234567890{shop:05d}", "changes": [change]}],
        }
    )


def single_status_bodies(count: int) -> list[bytes]:
    """Return bodies of one status each."""
    now = datetime.now(UTC)
    return [
        status_body([status(id_, one, "delivered", now)]) for one, id_ in enumerate(new_ids(count))
    ]

"""What stands on the wire: numbers, a template and its message, the sandbox's accounts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

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

"""The people who got or wrote something, each with a chat."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from config.dev.sandbox.accepted import Message
from config.dev.sandbox.addresses import name_of
from config.dev.sandbox.errors import Json

WINDOW_SECONDS = 24 * 3600


@dataclass(slots=True)
class Inbound:
    """A message a customer wrote; `content` is the object as it stands in the webhook."""

    phone_number_id: str
    at: float
    content: Json


@dataclass(slots=True)
class Customer:
    """A person, known by WhatsApp id, by user id, or by both."""

    key: str
    wa_id: str
    user_id: str
    name: str
    activity: int = 0
    items: list[Message | Inbound] = field(default_factory=list)
    wrote_at: dict[str, float] = field(default_factory=dict)

    @property
    def known_name(self) -> str:
        """The profile name a business has seen: none before the person wrote."""
        return self.name if self.wrote_at else ""


class Customers:
    """All customers, most recently active last."""

    def __init__(self) -> None:
        self._by_key: dict[str, Customer] = {}
        self._keys: dict[str, str] = {}
        self.version = 0

    def __len__(self) -> int:
        return len(self._by_key)

    def find(self, address: str) -> Customer | None:
        """Return the customer with this WhatsApp id or user id."""
        return self._by_key.get(self._keys.get(address, address))

    def meet(self, *, wa_id: str, user_id: str, name: str = "") -> Customer:
        """Return the customer with these addresses, new when nobody has them."""
        customer = self.find(wa_id) or self.find(user_id) if wa_id else self.find(user_id)
        if customer is None:
            key = wa_id or user_id
            customer = Customer(key, wa_id, user_id, name or name_of(key))
            self._by_key[key] = customer
        customer.wa_id = customer.wa_id or wa_id
        customer.user_id = user_id or customer.user_id
        for address in (wa_id, user_id):
            if address and address != customer.key:
                self._keys[address] = customer.key
        if name:
            customer.name = name
        return customer

    def received(self, message: Message) -> None:
        """Put an accepted message into the chat of its recipient."""
        customer = self.meet(wa_id=message.wa_id, user_id=message.user_id)
        message.name = customer.name
        self._touch(customer, message)

    def wrote(self, customer: Customer, inbound: Inbound) -> None:
        """Put what the customer wrote into the chat; this opens the service window."""
        customer.wrote_at[inbound.phone_number_id] = inbound.at
        self._touch(customer, inbound)

    def _touch(self, customer: Customer, item: Message | Inbound) -> None:
        self.version += 1
        customer.activity = self.version
        customer.items.append(item)
        self._by_key.pop(customer.key, None)
        self._by_key[customer.key] = customer

    def window_open(self, address: str, phone_number_id: str) -> bool:
        """Tell whether the person wrote to this number in the last 24 hours."""
        customer = self.find(address)
        if customer is None:
            return False
        return time.time() - customer.wrote_at.get(phone_number_id, 0.0) < WINDOW_SECONDS

    def newest_first(self, search: str, before: int) -> Iterator[Customer]:
        """Yield customers that match, from those active just before `before` (0: from now)."""
        needle = search.casefold().replace("+", "").strip()
        for customer in reversed(self._by_key.values()):
            if before and customer.activity >= before:
                continue
            haystack = f"{customer.wa_id} {customer.user_id} {customer.known_name}".casefold()
            if needle in haystack:
                yield customer

    def reset(self) -> None:
        """Forget everybody."""
        self._by_key.clear()
        self._keys.clear()
        self.version += 1

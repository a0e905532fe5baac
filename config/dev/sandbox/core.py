"""The sandbox as one object: its parts, and what happens between them."""

import time
from dataclasses import dataclass, field
from functools import partial

from config.dev.sandbox import notices
from config.dev.sandbox.accepted import AcceptedList, Message, new_wamid
from config.dev.sandbox.customers import Customer, Customers, Inbound
from config.dev.sandbox.errors import Json
from config.dev.sandbox.faults import Faults
from config.dev.sandbox.limits import Limits
from config.dev.sandbox.options import Options
from config.dev.sandbox.outbox import Outbox, Update
from config.dev.sandbox.wheel import Wheel
from config.dev.sandbox.world import Phone, World


@dataclass
class Sandbox:
    """Everything that is known and everything that is under way."""

    options: Options
    world: World
    outbox: Outbox
    wheel: Wheel
    faults: Faults
    accepted: AcceptedList = field(default_factory=AcceptedList)
    customers: Customers = field(default_factory=Customers)
    limits: Limits = field(default_factory=Limits)
    base_url: str = ""

    async def start(self) -> None:
        """Begin to post webhooks."""
        await self.wheel.start()
        await self.outbox.start()

    async def stop(self) -> None:
        """Stop all tasks."""
        await self.wheel.stop()
        await self.outbox.stop()

    @property
    def idle(self) -> bool:
        """Tell whether no status, reply, review or webhook is still to come."""
        return self.wheel.idle and self.outbox.idle

    def reset(self) -> None:
        """Go back to the seed: no messages, customers, faults or webhooks."""
        self.wheel.forget()
        self.outbox.forget()
        self.faults.change(Faults().as_json())
        self.accepted.reset()
        self.customers.reset()
        self.limits.reset()
        self.world.reset()

    def tell(self, update: Update) -> None:
        """Post the update if somebody is subscribed to its account."""
        waba = self.world.wabas.get(update.waba_id)
        if not self.options.sink and (waba is None or waba.subscribed):
            self.outbox.add(update)

    def accept(self, message: Message) -> None:
        """Take the message in; its statuses follow."""
        self.accepted.add(message)
        if self.options.sink:
            return
        self.customers.received(message)
        for delay, step in _plan(message, self.options):
            self.wheel.after(delay, partial(self._step, message, step))

    def _step(self, message: Message, step: str) -> None:
        if step == "reply":
            self._reply(message)
            return
        code = None
        if step == "failed":
            code = 131047 if message.window_closed else message.outcome.error_code
        message.status = step
        self.customers.version += 1
        self.tell(notices.Status(message, step, int(time.time()), code))

    def _reply(self, message: Message) -> None:
        customer = self.customers.find(message.address)
        if customer is not None and message.outcome.reply is not None:
            text = {"type": "text", "text": {"body": message.outcome.reply}}
            self.write(message.phone, customer, text)

    def write(self, phone: Phone, customer: Customer, content: Json) -> str:
        """Let the customer write to this number; return the id of the new message."""
        now = time.time()
        message: Json = {"from": customer.wa_id} if customer.wa_id else {}
        if customer.user_id:
            message["from_user_id"] = customer.user_id
        message["id"] = new_wamid(customer.wa_id or "34000000000", inbound=True)
        message["timestamp"] = str(int(now))
        message |= content
        self.customers.wrote(customer, Inbound(phone.id, now, message))
        self.tell(notices.inbound(phone, customer, message))
        return str(message["id"])


def _plan(message: Message, options: Options) -> list[tuple[float, str]]:
    """Return when which step follows; a fixed spread of ±15 % keeps them from falling together."""
    spread = (0.85 + (message.seq * 37 % 100) * 0.003) / 1000
    outcome = message.outcome
    sent, delivered = options.sent_ms * spread, options.delivered_ms * spread
    if message.type == "reaction":
        return [(sent, "sent")]
    if message.window_closed:
        return [(sent, "failed")]
    if outcome.error_code is not None:
        undeliverable = outcome.error_code == 131026
        return [(sent, "sent"), (delivered, "failed")] if undeliverable else [(sent, "failed")]
    if outcome.held:
        sent, delivered = delivered, delivered + options.read_ms * spread
    steps = [(sent, "sent"), (delivered, "delivered")]
    if outcome.final == "read":
        read = options.read_ms * spread
        steps.append((read, "read"))
        if outcome.reply and message.template is not None:
            steps.append((read + options.reply_ms * spread, "reply"))
    return steps

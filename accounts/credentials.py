"""WhatsApp accounts and the tokens that speak for them: connect, rotate, check."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from django.db import IntegrityError, transaction

from accounts.access import Access
from accounts.graph import client
from accounts.models import WhatsAppAccount
from accounts.signals import (
    AccessTokenRotated,
    TokenHealthChanged,
    WhatsAppAccountConnected,
    access_token_rotated,
    token_health_changed,
    whatsapp_account_connected,
)
from accounts.tenancy import Door, across, current_id, scope
from config.lib import graph, loop, outward
from config.lib.errors import Conflict, InvalidInput, NotFound, Unavailable
from config.lib.outward import KeepRights, nobodys_rights

Health = WhatsAppAccount.TokenHealth

# 190: expired, revoked or malformed. 10 and 200-299: permissions taken away. 102: session ended.
# Source: Meta's error page, September 2026.
TOKEN_CODES: Final = frozenset({102, 190})
PERMISSION_CODES: Final = frozenset({10, *range(200, 300)})


class TokenNotAccepted(InvalidInput):
    """Meta refuses the token, or it may not use this account."""

    code = "token_not_accepted"


class AccountGone(NotFound):
    """The account was taken away while Meta was asked."""

    code = "account_gone"


class AccountTaken(Conflict):
    """The WhatsApp account is connected already, here or in another business."""

    code = "account_taken"


def connect(
    *,
    waba_id: str,
    access_token: str,
    by: Access | None,
    now: datetime,
    name: str = "",
    portfolio_id: str = "",
    keep_rights: KeepRights = nobodys_rights,
) -> WhatsAppAccount:
    """Connect a WhatsApp account to the business in scope, once Meta accepts the token for it.

    Call it outside of a transaction, as all here that asks Meta; the write begins with
    `keep_rights`.

    Announces `WhatsAppAccountConnected`: who listens subscribes the app and pulls the numbers.
    Raises `TokenNotAccepted`, `AccountTaken` or `Unavailable`.
    """
    found = describe(waba_id=waba_id, access_token=access_token)

    def create() -> WhatsAppAccount:
        account: WhatsAppAccount = WhatsAppAccount.objects.create(
            business_id=current_id(),
            name=name or str(found.get("name") or waba_id)[:120],
            waba_id=waba_id,
            portfolio_id=portfolio_id or _portfolio_of(found),
            access_token=access_token,
            token_health=Health.VALID,
            token_checked_at=now,
        )
        fact = WhatsAppAccountConnected(account.business_id, account.pk, waba_id, by)
        whatsapp_account_connected.send(sender=WhatsAppAccount, fact=fact)
        return account

    try:
        return outward.write(create, keep_rights=keep_rights)
    except IntegrityError as error:
        raise AccountTaken("This WhatsApp account is connected already.") from error


def rotate(
    *,
    account: WhatsAppAccount,
    access_token: str,
    by: Access | None,
    now: datetime,
    keep_rights: KeepRights = nobodys_rights,
) -> None:
    """Speak for the account with a new token, once Meta accepts it; the old one stays till then.

    Raises `AccountGone` when the account was taken away meanwhile.
    """
    describe(waba_id=account.waba_id, access_token=access_token)

    def change() -> None:
        if not _read_again(account):
            raise AccountGone("The account is no longer connected.")
        account.access_token = access_token
        account.save(update_fields=["access_token"])
        _note_health(account, Health.VALID, now)
        fact = AccessTokenRotated(business_id=account.business_id, account_id=account.pk, by=by)
        access_token_rotated.send(sender=WhatsAppAccount, fact=fact)

    outward.write(change, keep_rights=keep_rights)


def check(
    *, account: WhatsAppAccount, now: datetime, keep_rights: KeepRights = nobodys_rights
) -> WhatsAppAccount.TokenHealth:
    """Ask Meta whether it accepts the account's token, and keep the answer.

    A line that is down or an error of Meta's own says nothing about the token: the last answer
    stands. An answer about a token that was rotated meanwhile is not kept.
    """
    token = account.access_token
    try:
        describe(waba_id=account.waba_id, access_token=token)
    except TokenNotAccepted:
        health = Health.INVALID
    except Unavailable:
        return Health(account.token_health)
    else:
        health = Health.VALID
    learn = partial(_note_health_of, account, token, health, now)
    outward.write(learn, keep_rights=keep_rights)
    return health


@across(Door.SWEEP)
def check_all(*, now: datetime) -> dict[str, int]:
    """Check the token of every account of every active business; return how many are what."""
    counts = dict.fromkeys(Health.values, 0)
    accounts = WhatsAppAccount.across_businesses.filter(business__status="active")
    for account in accounts.order_by("id"):
        if account.access_token:
            with scope(account.business_id):
                counts[check(account=account, now=now)] += 1
    return counts


@transaction.atomic
def note_refused(*, account: WhatsAppAccount, now: datetime) -> None:
    """Keep that Meta refused the account's token on a call made for another reason."""
    _note_health_of(account, account.access_token, Health.INVALID, now)


def describe(*, waba_id: str, access_token: str) -> dict[str, Any]:
    """Read the account at Meta with this token; raise `TokenNotAccepted` or `Unavailable`."""
    if not (access_token.isascii() and access_token.isprintable() and access_token.strip()):
        raise TokenNotAccepted("This cannot be an access token.", attr="access_token")
    try:
        answer = loop.run(
            client().request(
                "GET",
                f"/{quote(waba_id, safe='')}",
                token=access_token,
                params={"fields": "id,name,owner_business_info"},
            )
        ).json()
    except graph.GraphError as error:
        raise _refusal(error) from error
    except graph.GraphFailure as error:
        raise Unavailable("Meta cannot be reached.", retry_after_seconds=30) from error
    return answer if isinstance(answer, dict) else {}


def _refusal(error: graph.GraphError) -> InvalidInput | Unavailable:
    if error.status == 401 or error.code in TOKEN_CODES:
        return TokenNotAccepted("Meta does not accept this token.", attr="access_token")
    if error.code in PERMISSION_CODES:
        return TokenNotAccepted("The token lacks permissions.", attr="access_token")
    if error.code == 100:
        return TokenNotAccepted("The token cannot see this WhatsApp account.", attr="waba_id")
    return Unavailable("Meta cannot answer now.", retry_after_seconds=30)


def _note_health_of(
    account: WhatsAppAccount, token: str, health: WhatsAppAccount.TokenHealth, now: datetime
) -> None:
    """Keep what Meta said about this token, if it is the account's still."""
    if _read_again(account) and account.access_token == token:
        _note_health(account, health, now)


def _read_again(account: WhatsAppAccount) -> bool:
    """Lock the account and read it anew; say whether it is still there."""
    try:
        rows = WhatsAppAccount.objects.select_for_update(no_key=True)
        account.refresh_from_db(from_queryset=rows)
    except WhatsAppAccount.DoesNotExist:
        return False
    return True


def _note_health(
    account: WhatsAppAccount, health: WhatsAppAccount.TokenHealth, now: datetime
) -> None:
    before = account.token_health
    account.token_health = health
    account.token_checked_at = now
    account.save(update_fields=["token_health", "token_checked_at"])
    if before != health:
        fact = TokenHealthChanged(account.business_id, account.pk, before=before, after=health)
        token_health_changed.send(sender=WhatsAppAccount, fact=fact)


def _portfolio_of(found: dict[str, Any]) -> str:
    owner = found.get("owner_business_info")
    return str(owner.get("id") or "")[:32] if isinstance(owner, dict) else ""

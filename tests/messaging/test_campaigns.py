"""A campaign from draft to the last outcome: everyone once, whatever happens on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import tenancy
from accounts.models import Business
from compliance.models import AuditEntry
from config.lib.errors import Conflict, InvalidInput
from messaging.campaigns import outcomes, progress, run, settle
from messaging.campaigns.errors import AlreadyLaunched, AlreadyOver, NobodyThere
from messaging.campaigns.models import Campaign, CampaignRecipient
from messaging.campaigns.recipients import Recipient
from messaging.contacts import merging
from messaging.messages import tallies
from messaging.messages.models import Message
from messaging.senders.models import Sender
from messaging.sending.models import QueueItem
from messaging.signals import message_statuses_changed
from templates_mgmt.models import Template
from templates_mgmt.signals import TemplateStatusChanged, template_status_changed
from tests.factories.campaigns import BY, advance, crowd, draft, launch, reload
from tests.factories.compliance import opt_out
from tests.messaging.pump import Pump
from tests.sandbox import SandboxProcess


def test_everyone_in_the_audience_gets_one_message(pump: Pump, sandbox: SandboxProcess) -> None:
    crowd(pump.business, 30)
    stranger = pump.person("+34611999901", agreed=False)

    campaign = launch(draft(pump.sender, pump.template))
    advance(campaign)
    pump.run()

    accepted = sandbox.times_accepted()
    assert len(accepted) == 30
    assert set(accepted.values()) == {1}
    assert (campaign.total, campaign.status) == (31, "running")
    assert campaign.skipped == {"consent_missing": 1}
    assert tallies.of(campaign.pk) == {"sent": 30, "skipped": 1}
    assert CampaignRecipient.objects.get(contact_id=stranger.pk).skip_code == "consent_missing"


def test_two_launches_at_once_start_one(pump: Pump, sandbox: SandboxProcess) -> None:
    crowd(pump.business, 50)
    campaign = draft(pump.sender, pump.template)

    refused = _at_once(4, lambda: _launch_and_queue(pump, campaign))
    pump.run()

    assert [type(one) for one in refused] == [AlreadyLaunched] * 3
    assert len(sandbox.accepted()) == 50
    assert set(sandbox.times_accepted().values()) == {1}


def _launch_and_queue(pump: Pump, campaign: Campaign) -> None:
    try:
        with tenancy.scope(pump.business):
            run.launch(campaign, by=BY, now=timezone.now())
    finally:
        advance(campaign)


def _at_once(count: int, work: Callable[[], None]) -> list[Exception]:
    """Run it in several threads, each with its own connection; return what they raised."""
    raised: list[Exception] = []

    def attempt() -> None:
        try:
            work()
        except Conflict as error:
            raised.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=attempt) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_two_sweeps_at_once_start_a_due_campaign_once(pump: Pump, sandbox: SandboxProcess) -> None:
    crowd(pump.business, 20)
    campaign = _scheduled(pump, minutes=5)
    due = timezone.now() + timedelta(minutes=6)

    _at_once(3, lambda: _sweep_and_queue(campaign, due))
    pump.run()

    assert set(sandbox.times_accepted().values()) == {1}
    assert len(sandbox.accepted()) == 20
    assert AuditEntry.objects.filter(action="campaign.launched").count() == 1


def _sweep_and_queue(campaign: Campaign, now: object) -> None:
    settle.sweep(now=now)  # type: ignore[arg-type]  # a datetime
    advance(campaign)


def _scheduled(pump: Pump, *, minutes: int) -> Campaign:
    now = timezone.now()
    with tenancy.scope(pump.business):
        return run.schedule(
            draft(pump.sender, pump.template), at=now + timedelta(minutes=minutes), by=BY, now=now
        )


def test_a_campaign_found_long_after_its_time_is_paused(pump: Pump) -> None:
    crowd(pump.business, 2)
    campaign = _scheduled(pump, minutes=1)

    counts = settle.sweep(now=timezone.now() + timedelta(days=1))

    assert (counts["started"], counts["paused"]) == (0, 1)
    assert reload(campaign).status == "paused"
    assert "long after" in reload(campaign).pause_reason
    assert not QueueItem.objects.exists()


def test_a_campaign_that_is_put_off_after_the_sweep_listed_it_does_not_start(pump: Pump) -> None:
    crowd(pump.business, 2)
    first, second = _scheduled(pump, minutes=1), _scheduled(pump, minutes=2)
    later = timezone.now() + timedelta(days=7)

    counts = _swept_while(Campaign.across_businesses.filter(pk=second.pk), scheduled_at=later)

    assert counts["started"] == 1
    assert (reload(first).status, reload(second).status) == ("launching", "scheduled")


def test_a_business_suspended_after_the_sweep_listed_its_campaigns_starts_none(pump: Pump) -> None:
    crowd(pump.business, 2)
    campaign = _scheduled(pump, minutes=1)

    counts = _swept_while(Business.objects.filter(pk=pump.business.pk), status="suspended")

    assert (counts["started"], counts["paused"]) == (0, 0)
    assert reload(campaign).status == "scheduled"


def _swept_while(rows: QuerySet[Any], **changed: Any) -> dict[str, int]:
    """Sweep; between its list and its first lock somebody else changes these rows."""
    pending = [rows]

    def change() -> None:
        with tenancy.across(tenancy.Door.COMMAND):
            pending.pop().update(**changed)
        connection.close()

    def meanwhile(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if pending and "FOR NO KEY UPDATE" in sql:
            other = threading.Thread(target=change)
            other.start()
            other.join()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(meanwhile):
        return settle.sweep(now=timezone.now() + timedelta(minutes=3))


def test_a_campaign_that_cannot_be_read_keeps_no_other_from_its_start(pump: Pump) -> None:
    crowd(pump.business, 2)
    broken, sound = _scheduled(pump, minutes=1), _scheduled(pump, minutes=2)
    Campaign.across_businesses.filter(pk=broken.pk).update(variables=["nobody writes such"])

    counts = settle.sweep(now=timezone.now() + timedelta(minutes=3))

    assert counts["started"] == 1
    assert (reload(broken).status, reload(sound).status) == ("scheduled", "launching")


def test_a_campaign_that_cannot_be_watched_keeps_no_other_from_its_end(pump: Pump) -> None:
    crowd(pump.business, 2)
    broken, sound = (launch(draft(pump.sender, pump.template)) for _ in range(2))
    pump.run()
    Campaign.across_businesses.filter(pk=broken.pk).update(pulse=["nobody writes such"])

    counts = settle.sweep(now=timezone.now())

    assert counts["completed"] == 1
    assert (reload(broken).status, reload(sound).status) == ("running", "completed")


def test_a_scheduled_campaign_whose_template_was_stopped_is_paused_with_the_reason(
    pump: Pump,
) -> None:
    crowd(pump.business, 2)
    campaign = _scheduled(pump, minutes=1)
    Template.across_businesses.update(status="paused")

    settle.sweep(now=timezone.now() + timedelta(minutes=2))

    assert reload(campaign).status == "paused"
    assert "template" in reload(campaign).pause_reason.lower()


def test_a_page_that_dies_in_the_middle_leaves_nothing_and_is_taken_again(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    crowd(pump.business, 25)
    campaign = draft(pump.sender, pump.template)
    with tenancy.scope(pump.business):
        run.launch(campaign, by=BY, now=timezone.now())
    pages = []

    def die_in_the_second(**_: object) -> None:
        pages.append(1)
        if len(pages) == 2:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    message_statuses_changed.connect(die_in_the_second)
    with pytest.raises(OperationalError):
        advance(campaign, size=10)
    connection.close()
    message_statuses_changed.disconnect(die_in_the_second)
    halfway = (reload(campaign).status, _ledger(campaign), QueueItem.objects.count())
    advance(campaign, size=10)
    pump.run()

    assert halfway == ("launching", 10, 10)
    assert reload(campaign).fanned_out_at is not None
    assert len(sandbox.accepted()) == 25
    assert set(sandbox.times_accepted().values()) == {1}
    assert tallies.of(campaign.pk) == {"sent": 25}


def _ledger(campaign: Campaign) -> int:
    return CampaignRecipient.objects.filter(campaign=campaign).count()


def test_a_hundred_pauses_and_resumes_repeat_and_lose_nobody(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    crowd(pump.business, 200)
    Sender.across_businesses.update(throughput="high")
    campaign = launch(draft(pump.sender, pump.template))
    worker = threading.Thread(target=_run_for, args=(pump, 60))
    worker.start()

    for _ in range(100):
        _pause(pump, campaign)
        _resume(pump, campaign)
    worker.join()
    settle.sweep(now=timezone.now())
    advance(campaign)
    pump.run()
    settle.sweep(now=timezone.now())

    assert len(sandbox.accepted()) == 200
    assert set(sandbox.times_accepted().values()) == {1}
    assert tallies.of(campaign.pk) == {"sent": 200}
    assert reload(campaign).status == "completed"


def _run_for(pump: Pump, seconds: float) -> None:
    try:
        pump.run(seconds=seconds)
    finally:
        connection.close()


def _pause(pump: Pump, campaign: Campaign) -> None:
    with tenancy.scope(pump.business):
        run.pause(campaign, reason="Lunch", by=BY, now=timezone.now())
    advance(campaign)


def _resume(pump: Pump, campaign: Campaign) -> None:
    with tenancy.scope(pump.business):
        run.resume(campaign, by=BY, now=timezone.now())
    advance(campaign)


def test_a_paused_campaign_sends_nothing_even_before_its_rows_are_held(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    crowd(pump.business, 10)
    campaign = launch(draft(pump.sender, pump.template))
    with tenancy.scope(pump.business):
        run.pause(campaign, reason="Lunch", by=BY, now=timezone.now())

    pump.run()

    assert sandbox.accepted() == []
    assert QueueItem.objects.filter(is_held=True).count() == 10


def test_a_pause_during_the_launch_stops_the_fan_out_and_a_resume_goes_on_with_it(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    crowd(pump.business, 10)
    campaign = draft(pump.sender, pump.template)
    with tenancy.scope(pump.business):
        run.launch(campaign, by=BY, now=timezone.now())
        run.pause(campaign, reason="Lunch", by=BY, now=timezone.now())
    advance(campaign)
    paused = _ledger(campaign)
    _resume(pump, campaign)
    pump.run()

    assert paused == 0
    assert len(sandbox.accepted()) == 10


def test_a_cancelled_campaign_sends_no_more_and_accounts_for_everyone(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    crowd(pump.business, 20)
    Sender.across_businesses.update(per_second=10)
    campaign = launch(draft(pump.sender, pump.template))
    pump.run(seconds=0.5)
    sent = len(sandbox.accepted())

    with tenancy.scope(pump.business):
        run.cancel(campaign, by=BY, now=timezone.now())
    advance(campaign)
    pump.run()

    assert 0 < sent < 20
    assert len(sandbox.accepted()) == sent
    assert tallies.of(campaign.pk) == {"sent": sent, "cancelled": 20 - sent}
    assert not QueueItem.objects.exists()
    with tenancy.scope(pump.business), pytest.raises(AlreadyOver):
        run.resume(campaign, by=BY, now=timezone.now())


def test_a_campaign_is_paused_when_meta_stops_its_template(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    crowd(pump.business, 5)
    campaign = launch(draft(pump.sender, pump.template))

    with transaction.atomic():
        template_status_changed.send(
            sender=TemplateStatusChanged,
            fact=TemplateStatusChanged(
                pump.business.pk, pump.template.pk, "approved", "paused", "low quality"
            ),
        )
    pump.run()

    assert reload(campaign).status == "paused"
    assert "Paused by Meta" in reload(campaign).pause_reason
    assert sandbox.accepted() == []


def test_a_launch_needs_somebody_and_an_approved_template(pump: Pump) -> None:
    campaign = draft(pump.sender, pump.template)

    with tenancy.scope(pump.business):
        with pytest.raises(NobodyThere):
            run.launch(campaign, by=BY, now=timezone.now())
        Template.across_businesses.update(status="rejected")
        with pytest.raises(Conflict) as refused:
            run.launch(campaign, by=BY, now=timezone.now())

    assert refused.value.code == "template_not_approved"
    assert reload(campaign).status == "draft"


def test_the_sum_of_all_outcomes_is_the_audience(pump: Pump, sandbox: SandboxProcess) -> None:
    crowd(pump.business, 40)
    opt_out(pump.business, "+34600000003")
    pump.person("+34611999901", agreed=False)
    campaign = launch(draft(pump.sender, pump.template))
    opt_out(pump.business, "+34600000007")
    sandbox.fault(drop_connection_after=0.3)

    pump.run()
    settle.sweep(now=timezone.now())

    with tenancy.scope(pump.business):
        found = progress.of(reload(campaign), now=timezone.now())
        lines = list(outcomes.lines(reload(campaign)))
    counts = found.counts
    assert counts["unknown"] > 0
    assert counts["sent"] + counts["skipped"] + counts["failed"] + counts["unknown"] == 41
    assert found.skipped == {"consent_missing": 1, "opted_out": 2}
    assert (found.total, found.percent, reload(campaign).status) == (41, 100, "completed")
    assert len(lines) == 41
    assert sum(line.outcome == "skipped" for line in lines) == 3


def test_a_person_given_in_different_spellings_gets_one_message(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    pump.person("+5511987654321")
    given = [
        Recipient("+55 11 98765-4321"),
        Recipient("551187654321"),
        Recipient("+55 (11) 8765-4321"),
        Recipient("not a number"),
    ]

    campaign = launch(draft(pump.sender, pump.template, recipients=given))
    pump.run()

    assert len(sandbox.accepted()) == 1
    assert campaign.total == 4
    assert campaign.skipped == {"duplicate": 2, "invalid_recipient": 1}
    assert tallies.of(campaign.pk) == {"sent": 1, "skipped": 3}


def test_values_of_a_recipient_go_before_the_defaults_and_empty_ones_are_not_sent(
    pump: Pump,
) -> None:
    template = _greeting(pump)
    for number in ("+34611000001", "+34611000002", "+34611000003"):
        pump.person(number, name="")
    given = [
        Recipient("+34611000001", {"1": "Ana", "2": "Lima"}),
        Recipient("+34611000002", {"1": "", "2": "Quito"}),
        Recipient("+34611000003", {"1": "Eva"}),
    ]

    campaign = launch(
        draft(
            pump.sender,
            template,
            recipients=given,
            variables={"1": {"field": "name", "default": "friend"}},
        )
    )

    rows = Message.across_businesses.filter(campaign_id=campaign.pk).order_by("address")
    assert [_texts(row) for row in rows] == [["Ana", "Lima"], ["friend", "Quito"]]
    assert campaign.skipped == {"variable_missing": 1}


def _greeting(pump: Pump) -> Template:
    pump.template.components = [{"type": "BODY", "text": "Hello {{1}} from {{2}}, it is here."}]
    pump.template.save(update_fields=["components", "updated_at"])
    return pump.template


def _texts(message: Message) -> list[str]:
    [body] = message.content["components"]
    return [one["text"] for one in body["parameters"]]


def test_a_mapping_names_every_variable_and_only_known_fields(pump: Pump) -> None:
    template = _greeting(pump)

    with pytest.raises(InvalidInput) as refused:
        draft(pump.sender, template, variables={"1": {"field": "shoe_size"}, "7": "x"})

    findings = refused.value.extra["findings"]
    assert {(one["path"], one["rule"]) for one in findings} == {  # type: ignore[attr-defined]
        ("variables.1.field", "unknown_field"),
        ("variables.7", "unknown_variable"),
        ("variables.1", "required"),
        ("variables.2", "required"),
    }


def test_an_authentication_template_goes_to_numbers_only(pump: Pump) -> None:
    pump.person("US.13491208655302741918")
    Template.across_businesses.update(category="authentication")
    pump.template.refresh_from_db()

    campaign = launch(draft(pump.sender, pump.template, variables={"code": "123456"}))

    assert campaign.skipped == {"invalid_recipient": 1}


def test_a_message_that_waits_past_the_last_time_is_skipped(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    crowd(pump.business, 3)
    campaign = launch(
        draft(pump.sender, pump.template, not_after=timezone.now() + timedelta(minutes=1))
    )
    Campaign.across_businesses.update(not_after=timezone.now() - timedelta(minutes=1))

    pump.run()
    settle.sweep(now=timezone.now())

    assert sandbox.accepted() == []
    assert reload(campaign).skipped == {"not_after": 3}


def test_a_campaign_that_stands_still_says_why(pump: Pump) -> None:
    crowd(pump.business, 3)
    campaign = launch(draft(pump.sender, pump.template))
    now = timezone.now()
    settle.sweep(now=now)
    Sender.across_businesses.update(paused_at=now, pause_reason="by an operator")

    with tenancy.scope(pump.business):
        early = progress.of(reload(campaign), now=now)
        late = progress.of(reload(campaign), now=now + timedelta(seconds=90))

    assert early.stalled is None
    assert late.stalled is not None
    assert late.stalled.code == "sender_paused"


def test_after_a_restore_every_campaign_comes_up_paused(pump: Pump) -> None:
    crowd(pump.business, 3)
    scheduled, running = _scheduled(pump, minutes=60), launch(draft(pump.sender, pump.template))

    paused = run.pause_everything(reason="Restored from a backup", now=timezone.now())

    assert paused == 2
    assert {reload(scheduled).status, reload(running).status} == {"paused"}


def test_two_contacts_that_prove_to_be_one_person_get_one_message(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    by_phone, by_user_id = pump.person("+34611000101"), pump.person("ES.1122334455667701")
    campaign = launch(draft(pump.sender, pump.template))
    advance(campaign)
    with tenancy.scope(pump.business), transaction.atomic():
        merging.merge(winner=by_phone, loser=by_user_id, now=timezone.now())

    pump.run()
    settle.sweep(now=timezone.now())

    assert len(sandbox.accepted()) == 1
    assert tallies.of(campaign.pk) == {"sent": 1, "skipped": 1}
    assert reload(campaign).skipped == {"duplicate_person": 1}

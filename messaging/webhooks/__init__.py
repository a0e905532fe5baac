"""What Meta tells us.

intake      the ASGI door: verify, store the raw bytes, 200      store    group commit
wakeups     tell the workers, seldom                              claims   what is due, and after
apply       the loop: claim, apply, settle                        batch    parsed and routed facts
dispatch    every kind of fact to its place, in order
inbound     messages, echoes, history     people  who wrote       statuses  what became of ours
state       numbers, accounts, templates  latest  newest fact wins
deadletters what could not be applied: list, replay, resolve
"""

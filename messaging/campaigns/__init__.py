"""One message to many.

audience   who: a spec, checked, as one page query by key
variables  what each person reads: template variables from fields, values and defaults
verdicts   a page of the audience with consent and content: go, or a code why not
dryrun     the verdicts of everyone, counted; nothing written
run        the states: create, schedule, launch, pause, resume, cancel
fanout     the job of one campaign: pages of the audience to queued messages
holds      what a pause, a resume and a cancellation do to rows already queued
settle     beat: start what is due, finish what is done, take the pulse
progress   counts, rate, time left, why it stands still
outcomes   one line a recipient, streamed
"""

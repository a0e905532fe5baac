"""Pages about what we may do: consent, its ledger, opt-out words, the policy, the audit trail."""

from compliance.admin import audit, batches, consents, policy, privacy, retention, words  # noqa: F401  # register their pages

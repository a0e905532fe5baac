"""Our phone numbers: `numbers` known at Meta, `routing` whose webhook it is, `pauses`, `quality`,
`accounts` what Meta says about a whole WhatsApp account, `events` what operators see of it."""

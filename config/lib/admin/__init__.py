"""What every page of the operators' admin builds on.

- `bases`     `TenantAdmin`, `ReadOnlyAdmin`, `PlatformAdmin`: scope, permissions, no counting
- `related`   links to other rows, for who may open them
- `lists`     keyset pages of big tables; the period filter
- `verbs`     `verb` and `bulk`: a button that makes one domain call and reports what it did
- `forms`     forms in the admin's look
- `rendering` badges, JSON, progress bars, masked addresses: all escaped
- `empty`     what an empty list tells its reader to do
"""

from config.lib.admin.bases import PlatformAdmin, ReadOnlyAdmin, TenantAdmin
from config.lib.admin.empty import EmptyState, Step
from config.lib.admin.forms import OperatorForm
from config.lib.admin.lists import PeriodFilter
from config.lib.admin.verbs import Call, bulk, verb

__all__ = [
    "Call",
    "EmptyState",
    "OperatorForm",
    "PeriodFilter",
    "PlatformAdmin",
    "ReadOnlyAdmin",
    "Step",
    "TenantAdmin",
    "bulk",
    "verb",
]

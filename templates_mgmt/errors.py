"""Why a template cannot be sent, or templates cannot be read."""

from config.lib.errors import Conflict


class TemplateNotApproved(Conflict):
    """Meta has not approved the template in this language, or it does not exist."""

    code = "template_not_approved"


class TemplatePaused(Conflict):
    """Meta has paused or disabled the template."""

    code = "template_paused"


class TokenRefused(Conflict):
    """Meta refuses the access token of the WhatsApp account."""

    code = "token_not_accepted"


class SyncRunning(Conflict):
    """Templates of this account are being pulled at this moment."""

    code = "sync_running"

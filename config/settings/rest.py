"""The API: REST framework, tokens, schema."""

from datetime import timedelta

from config.env import env

DATA_UPLOAD_MAX_MEMORY_SIZE = env.int("API_MAX_BODY_BYTES", default=10 * 1024 * 1024)
# Larger than a body elsewhere, by the start of the path: a file, and what a form adds to it.
_MB = 1024 * 1024
UPLOAD_MAX_BODY_BYTES = {
    "/api/contacts/import": 210 * _MB,
    "/admin/messaging/contactimport/": 210 * _MB,
    "/api/whatsapp/media": 110 * _MB,
    "/admin/messaging/conversation/": 110 * _MB,
}
IDEMPOTENCY_STORE = "accounts.idempotency.Store"
# Keeps the caller's rights as they are until what they change is committed.
HOLD_RIGHTS = "accounts.renewal.hold"
CSRF_FAILURE_VIEW = "config.lib.api.pages.csrf_failure"

REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.lib.api.parsers.StrictJSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.JWTAuthentication",
        "accounts.authentication.ApiKeyAuthentication",
        "accounts.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["config.lib.api.permissions.RequiresPermission"],
    "DEFAULT_THROTTLE_CLASSES": ["config.lib.api.throttles.CallerThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "caller": env.str("API_RATE_LIMIT", default="1200/min"),
        "anonymous": env.str("API_ANONYMOUS_RATE_LIMIT", default="60/min"),
        "login": env.str("API_LOGIN_RATE_LIMIT", default="10/min"),
    },
    "NUM_PROXIES": env.int("TRUSTED_PROXIES", default=0),
    "DEFAULT_PAGINATION_CLASS": "config.lib.api.pagination.CursorPage",
    "DEFAULT_FILTER_BACKENDS": ["config.lib.api.filters.StrictFilterBackend"],
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "config.lib.api.schema.Schema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "TEST_REQUEST_RENDERER_CLASSES": [
        "rest_framework.renderers.JSONRenderer",
        "rest_framework.renderers.MultiPartRenderer",
    ],
}

_ERROR_STATUSES = ["400", "401", "403", "404", "405", "409", "413", "415", "429", "503"]

DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "config.lib.api.errors.Handler",
    "EXCEPTION_FORMATTER_CLASS": "config.lib.api.errors.Formatter",
    "ENABLE_IN_DEBUG_FOR_UNHANDLED_EXCEPTIONS": True,
    "ALLOWED_ERROR_STATUS_CODES": _ERROR_STATUSES,
    "ERROR_SCHEMAS": dict.fromkeys(_ERROR_STATUSES, "config.lib.api.errors.ErrorBody"),
}

SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=7),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "UPDATE_LAST_LOGIN": False,
    "USER_ID_FIELD": "id",
    "USER_ID_CLAIM": "user_id",
    "AUTH_HEADER_TYPES": ("Bearer",),
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Switchboard API",
    "DESCRIPTION": "WhatsApp Business back office: messages, campaigns, consent, analytics.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/",
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "messaging.api.webhook_schema.add_webhook",
        "config.lib.api.schema.share_errors",
    ],
    "ENUM_NAME_OVERRIDES": {
        "ApprovalKind": "accounts.models_security.ApprovalKind",
        "ApprovalStatus": "accounts.models_security.Approval.Status",
        "BusinessStatus": "accounts.models.Business.Status",
        "CampaignStatus": "messaging.campaigns.models.Campaign.Status",
        "ConsentStatus": "compliance.models.ConsentStatus",
        "ImportStatus": "messaging.contacts.models.ContactImport.Status",
        "MessageStatus": "messaging.messages.models.Message.Status",
        "Permission": "accounts.api.serializers.PERMISSION_NAMES",
        "Quality": "messaging.senders.models.Sender.Quality",
        "Scope": "compliance.models.Scope",
        "ScopeOrAll": "compliance.api.serializers.SCOPES",
        "TemplateCategory": "templates_mgmt.models.Template.Category",
        "TemplateStatus": "templates_mgmt.models.Template.Status",
    },
}

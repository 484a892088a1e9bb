"""Django's settings. Everything configurable is an optional environment variable.

`.env.example` explains each variable. An invalid value stops the start with an error that names it.
"""

import logging
import os
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from samurai_site import (
    account_settings,
    addresses,
    api_settings,
    data_folder,
    database,
    log_settings,
)
from samurai_site.account_settings import *  # noqa: F403  (all of them are settings)
from samurai_site.environment import (
    env_apps,
    env_bool,
    env_choice,
    env_int,
    env_list,
    env_prices,
    env_secret,
    env_str,
    env_time_zone,
)

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(os.environ.get("SAMURAI_VAR_DIR") or BASE_DIR / "var")
data_folder.create(VAR_DIR)


# -- the site --------------------------------------------------------------------------------------

DEBUG = env_bool("DEBUG", False)
SECRET_KEY = env_str("SECRET_KEY") or data_folder.secret_key(VAR_DIR)
SITE_URL = env_str("SITE_URL")
SITE_PATH = addresses.read("SITE_URL", SITE_URL, addresses.site_path) if SITE_URL else ""
_site = urlsplit(SITE_URL)
FORCE_SCRIPT_NAME = SITE_PATH or None

ALLOWED_HOSTS = env_list("ALLOWED_HOSTS") or ["localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")
if env_str("HOST") not in ("", "0.0.0.0", "::"):
    ALLOWED_HOSTS.append(env_str("HOST"))  # the address that `make run` listens on
if _site.hostname:
    ALLOWED_HOSTS.append(_site.hostname)
    CSRF_TRUSTED_ORIGINS.append(f"{_site.scheme}://{_site.netloc}")

_https = _site.scheme == "https"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _https else None
# Other sites on the same host do not receive the cookies.
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = SITE_PATH or "/"
if SITE_PATH:
    # Own names: with the same ones, the cookies of a site at the root of the host would win.
    _suffix = SITE_PATH.strip("/").replace("/", "_")
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = f"sessionid_{_suffix}", f"csrftoken_{_suffix}"
SESSION_ENGINE = "chat.session_store"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "chat.error_pages.csrf_failure"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # the owner of a domain decides about the hosts below it,
    "security.W021",  # and whether browsers list it
    "security.W008",  # the proxy redirects to HTTPS: docs/deploy/nginx.conf
]
# Seconds for which a one-time sign-in link and a link to reset a password are valid.
PASSWORD_RESET_TIMEOUT = 3600

INSTALLED_APPS = [
    "samurai_site.apps.DaphneCommandConfig",  # first: it replaces `runserver` with an ASGI server
    "samurai_site.apps.SamuraiAdminConfig",  # the admin
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "agent",
    "chat",
    *env_apps("SAMURAI_APPS"),
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "chat.compression.CompressionMiddleware",
    "csp.middleware.CSPMiddleware",
    "chat.static_files.StaticFilesMiddleware",
    "chat.private_responses.private_middleware",
    "chat.error_pages.method_middleware",
    "chat.error_pages.QuotaMiddleware",
    "chat.request_origin.origin_middleware",
    "chat.session_cookie.SessionMiddleware",
    "chat.throttles.page_throttle",
    "chat.page_user.page_user_middleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

CACHES = {
    # Of all processes, also after a restart.
    "default": {"BACKEND": "chat.shared_cache.FileCache"},
    # The HTML of runs that are over, about 15 KiB each. In the process, since a new one may have other
    # templates.
    "template_fragments": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "template_fragments",
        "OPTIONS": {"MAX_ENTRIES": 600},
    },
}

ROOT_URLCONF = "samurai_site.urls"
ASGI_APPLICATION = "samurai_site.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "chat.theme.theme",
            ],
            "builtins": ["chat.name_filters"],
            "libraries": {"admin_cells": "agent.admin.cells"},
        },
    },
]

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"  # of what is stored and sent
SAMURAI_TIME_ZONE = env_time_zone("SAMURAI_TIME_ZONE", "UTC")
USE_I18N = False
FORMAT_MODULE_PATH = "samurai_site.formats"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"

STATIC_URL = f"{SITE_PATH}/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "chat.static_files.VersionedStorage"},
}
# Static files are served from their source folders, so that a clone needs no `collectstatic`.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

# -- accounts --------------------------------------------------------------------------------------

# Who may create an account: nobody, people whom the provider knows, or everybody who opens the page.
SAMURAI_STAFF_SECOND_FACTOR = env_bool("SAMURAI_STAFF_SECOND_FACTOR", default=False)
SAMURAI_SIGN_UP = env_choice("SAMURAI_SIGN_UP", "off", ("off", "provider", "open"))

EMAIL_HOST, EMAIL_PORT, EMAIL_TIMEOUT = "", 25, 10  # without a host, nothing offers or sends mail
EMAIL_URL = env_str("EMAIL_URL")
if EMAIL_URL:
    _mail = addresses.read("EMAIL_URL", EMAIL_URL, addresses.mail_server)
    EMAIL_HOST, EMAIL_PORT = _mail.host, _mail.port
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.user, _mail.password
    EMAIL_USE_SSL, EMAIL_USE_TLS = _mail.security == "ssl", _mail.security == "starttls"
    DEFAULT_FROM_EMAIL = env_str("EMAIL_FROM", f"samurai@{_mail.host}")

ACCOUNT_SIGNUP_FIELDS = [
    "username*",
    "email*" if EMAIL_HOST else "email",
    "password1*",
    "password2*",
]
ACCOUNT_EMAIL_VERIFICATION = "optional" if EMAIL_HOST else "none"
ACCOUNT_EMAIL_NOTIFICATIONS = bool(EMAIL_HOST)

SAMURAI_OIDC_URL = env_str("SAMURAI_OIDC_URL").rstrip("/")
SAMURAI_OIDC_NAME = env_str("SAMURAI_OIDC_NAME", "your organisation")
if SAMURAI_OIDC_URL:
    addresses.read("SAMURAI_OIDC_URL", SAMURAI_OIDC_URL, addresses.provider)
    _client, _secret = env_str("SAMURAI_OIDC_CLIENT_ID"), env_str("SAMURAI_OIDC_CLIENT_SECRET")
    if not _client or not _secret:
        raise ImproperlyConfigured(
            "SAMURAI_OIDC_URL needs SAMURAI_OIDC_CLIENT_ID and SAMURAI_OIDC_CLIENT_SECRET."
        )
    _at = INSTALLED_APPS.index("agent")
    INSTALLED_APPS[_at:_at] = account_settings.PROVIDER_APPS
    SOCIALACCOUNT_PROVIDERS = account_settings.providers(
        SAMURAI_OIDC_URL, SAMURAI_OIDC_NAME, _client, _secret
    )

# -- the API ---------------------------------------------------------------------------------------

SAMURAI_API_REQUESTS_PER_MINUTE = env_int("SAMURAI_API_REQUESTS_PER_MINUTE", 1200)
REST_FRAMEWORK = api_settings.REST_FRAMEWORK
SPECTACULAR_SETTINGS = api_settings.SPECTACULAR_SETTINGS | {
    "SERVERS": [{"url": SITE_PATH}] if SITE_PATH else []
}

# -- the database ----------------------------------------------------------------------------------

STALLED_AFTER = database.STALLED_AFTER
DATABASES = {"default": database.configured(env_str("DATABASE_URL"), VAR_DIR)}
SAMURAI_BACKUPS = env_str("SAMURAI_BACKUPS")

# -- several processes -----------------------------------------------------------------------------

# Seconds after which a thread yields the interpreter to another one. The event log's writer waits for
# it a dozen times per commit. With Python's default of 5 ms, the slowest events of 100 busy runs
# reached the client after 62 ms instead of 44 ms.
SWITCH_INTERVAL = 0.0005

REDIS_URL = env_str("REDIS_URL")
if REDIS_URL and not REDIS_URL.startswith(("redis://", "rediss://", "unix://")):
    raise ImproperlyConfigured(
        f"REDIS_URL must have the form redis://host:6379/0, not {REDIS_URL!r}."
    )
if REDIS_URL:
    CACHES["default"] = {
        "BACKEND": "chat.shared_cache.SharedCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "samurai",
        "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5},
    }
    CHANNEL_LAYERS = {
        "default": {
            # Pub/sub, because the other layer's queue of 100 dropped 125 to 399 of 500 wake-ups.
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {
                # Without it, redis-py closes a subscription that receives nothing for 5 s.
                "hosts": [{"address": REDIS_URL, "socket_timeout": None}],
                # Pub/sub ignores the number of the database: without it, servers that use different
                # databases of one Redis would wake each other.
                "prefix": f"samurai{urlsplit(REDIS_URL).path.replace('/', '-')}",
            },
        }
    }

# -- the agent -------------------------------------------------------------------------------------

SAMURAI_ENGINE = env_choice("SAMURAI_ENGINE", "local", ("local", "procrastinate"))

OPENAI_API_KEY = env_str("OPENAI_API_KEY")
OPENAI_BASE_URL, MODEL_ADDRESS_NOTICE = addresses.read(
    "OPENAI_BASE_URL", env_str("OPENAI_BASE_URL"), addresses.model_server
)
SAMURAI_MODEL = env_str("SAMURAI_MODEL", "gpt-5-mini")
SAMURAI_MODEL_CONTEXT = env_int("SAMURAI_MODEL_CONTEXT", 0, minimum=256)  # tokens; 0 when not set
SAMURAI_MODEL_PRICES = env_prices("SAMURAI_MODEL_PRICES")
SAMURAI_PRICE_CURRENCY = env_str("SAMURAI_PRICE_CURRENCY", "USD")
# Timeouts in seconds: of one call to the model, including its answer, and of one whole run.
SAMURAI_MODEL_TIMEOUT = env_int("SAMURAI_MODEL_TIMEOUT", 120, minimum=1)
SAMURAI_RUN_TIMEOUT = env_int("SAMURAI_RUN_TIMEOUT", 900, minimum=1)
SAMURAI_KEEP_PROMPTS_DAYS = env_int("SAMURAI_KEEP_PROMPTS_DAYS", 30, minimum=0)  # 0: none is kept
# Whether the owners of projects, and the staff among their members, read the kept prompts on the pages.
SAMURAI_SHOW_PROMPTS = env_bool("SAMURAI_SHOW_PROMPTS", default=True)
# Days for which these are kept; 0: for ever.
SAMURAI_KEEP_EVENTS_DAYS = env_int("SAMURAI_KEEP_EVENTS_DAYS", 0, minimum=0)
SAMURAI_KEEP_DELETED_DAYS = env_int("SAMURAI_KEEP_DELETED_DAYS", 0, minimum=0)
SAMURAI_KEEP_EXPIRED_DAYS = env_int("SAMURAI_KEEP_EXPIRED_DAYS", 0, minimum=0)
SAMURAI_KEEP_BATCHES_DAYS = env_int("SAMURAI_KEEP_BATCHES_DAYS", 0, minimum=0)
SAMURAI_KEEP_AUDIT_DAYS = env_int("SAMURAI_KEEP_AUDIT_DAYS", 0, minimum=0)
SAMURAI_CAPSULES = env_bool("SAMURAI_CAPSULES", True)
SAMURAI_APPROVAL_HOURS = env_int("SAMURAI_APPROVAL_HOURS", 24, minimum=1)
SAMURAI_MAX_ACTIVE_RUNS = env_int("SAMURAI_MAX_ACTIVE_RUNS", 200, minimum=1)
SAMURAI_USER_RUNS_PER_MINUTE = env_int("SAMURAI_USER_RUNS_PER_MINUTE", 60, minimum=1)
SAMURAI_PAGE_REQUESTS_PER_MINUTE = env_int("SAMURAI_PAGE_REQUESTS_PER_MINUTE", 1200)  # 0: no limit

# -- quotas: of a person and of a project; 0: none -------------------------------------------------

SAMURAI_USER_PROJECTS = env_int("SAMURAI_USER_PROJECTS", 200)
SAMURAI_USER_TOKENS = env_int("SAMURAI_USER_TOKENS", 50)
SAMURAI_USER_RUNS_PER_DAY = env_int("SAMURAI_USER_RUNS_PER_DAY", 10_000)
SAMURAI_USER_MODEL_TOKENS_PER_DAY = env_int("SAMURAI_USER_MODEL_TOKENS_PER_DAY", 0)
SAMURAI_USER_MODEL_TOKENS_PER_MONTH = env_int("SAMURAI_USER_MODEL_TOKENS_PER_MONTH", 0)
SAMURAI_PROJECT_TASKS = env_int("SAMURAI_PROJECT_TASKS", 20_000)
SAMURAI_PROJECT_MEMORIES = env_int("SAMURAI_PROJECT_MEMORIES", 20_000)
SAMURAI_PROJECT_SESSIONS = env_int("SAMURAI_PROJECT_SESSIONS", 10_000)
SAMURAI_PROJECT_MEGABYTES = env_int("SAMURAI_PROJECT_MEGABYTES", 10_000)
SAMURAI_PROJECT_RUNS_PER_DAY = env_int("SAMURAI_PROJECT_RUNS_PER_DAY", 30_000)
SAMURAI_PROJECT_MODEL_TOKENS_PER_DAY = env_int("SAMURAI_PROJECT_MODEL_TOKENS_PER_DAY", 0)
SAMURAI_PROJECT_MODEL_TOKENS_PER_MONTH = env_int("SAMURAI_PROJECT_MODEL_TOKENS_PER_MONTH", 0)

if SAMURAI_ENGINE == "procrastinate":
    if not DATABASES["default"]["ENGINE"].endswith("postgresql"):
        raise ImproperlyConfigured(
            "SAMURAI_ENGINE=procrastinate needs PostgreSQL: set DATABASE_URL, "
            "for example postgresql://user@host/name."
        )
    if not REDIS_URL:
        raise ImproperlyConfigured(
            "SAMURAI_ENGINE=procrastinate needs Redis: set REDIS_URL, for example "
            "redis://127.0.0.1:6379/0."
        )
    # Only with PostgreSQL, which its migrations need. Before `agent`, which defers jobs with it.
    INSTALLED_APPS.insert(INSTALLED_APPS.index("agent"), "procrastinate.contrib.django")
    PROCRASTINATE_AUTODISCOVER_MODULE_NAME = ""
    PROCRASTINATE_IMPORT_PATHS = ["agent.engine.procrastinate"]
    PROCRASTINATE_ON_APP_READY = "agent.engine.worker.on_app_ready"
    PROCRASTINATE_WORKER_DEFAULTS = {
        "concurrency": SAMURAI_MAX_ACTIVE_RUNS,
        "fetch_job_polling_interval": 1.0,
        "update_heartbeat_interval": 3.0,
        "stalled_worker_timeout": STALLED_AFTER,
        "shutdown_graceful_timeout": 2.0,
        "delete_jobs": "successful",
    }

# -- logs and traces ---------------------------------------------------------------------------------------

SAMURAI_LOG_FORMAT = env_choice("SAMURAI_LOG_FORMAT", "text", ("text", "json"))
SAMURAI_LOG_TEXTS = env_bool("SAMURAI_LOG_TEXTS", DEBUG)
LOGGING = log_settings.configured(SAMURAI_LOG_FORMAT, texts=SAMURAI_LOG_TEXTS)
logging.captureWarnings(SAMURAI_LOG_FORMAT == "json")

# Traces are off without an address. OpenTelemetry reads it and its other variables itself.
OTEL_EXPORTER_OTLP_ENDPOINT = env_str("OTEL_EXPORTER_OTLP_ENDPOINT")
SAMURAI_TRACE_TEXTS = env_bool("SAMURAI_TRACE_TEXTS", False)

# -- metrics ---------------------------------------------------------------------------------------

SAMURAI_METRICS_TOKEN = env_secret("SAMURAI_METRICS_TOKEN")  # without one, nothing is measured
SAMURAI_METRICS_PAGES = env_int("SAMURAI_METRICS_PAGES", 10, minimum=0, maximum=100)  # percent

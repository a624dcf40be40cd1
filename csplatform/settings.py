"""All settings, in one file, read from the environment. Every variable stands in `.env.example`."""

import os
import sys
from pathlib import Path

import environ
from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.templatetags.static import static
from django.urls import reverse_lazy

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

# --- where things are -----------------------------------------------------------------------
DATA_DIR = Path(env.str("DATA_DIR", default=".data"))
if not DATA_DIR.is_absolute():
    DATA_DIR = BASE_DIR / DATA_DIR
TESTING = "pytest" in sys.modules

# --- safety ---------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)
# The runner makes a key once and hands it down; tests and checks need none of their own.
SECRET_KEY = env.str("SECRET_KEY", default="not-secret-only-for-checks-and-tests-0123456789")
# Former keys: what they signed or encrypted stays readable.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["*"])
PUBLIC_URL = env.str("PUBLIC_URL", default=f"http://localhost:{env.int('PORT', default=8000)}")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https://")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "SAMEORIGIN"

# --- what is installed ----------------------------------------------------------------------
INSTALLED_APPS = [
    "csplatform.adminkit.apps.AdminkitConfig",  # before unfold: its templates win
    "unfold.apps.BasicAppConfig",  # its default one would put its own site in place of ours
    "unfold.contrib.filters",
    "csplatform.adminkit.apps.ConsoleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "axes",
    "csp",
    "django_filters",
    "django_rq",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csplatform.kit",
    "csplatform.accounts",
    "csplatform.api",
    "csplatform.failures",
    "csplatform.freshness",
    "csplatform.customers",
    "csplatform.rules",
    "csplatform.ascode",
    "csplatform.billing",
    "csplatform.usage",
    "csplatform.segments",
    "csplatform.imports",
    "csplatform.snapshots",
    "csplatform.demo",
    "csplatform.health",
    "journeys",
    "engagements",
    "community",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "csplatform.adminkit.middleware.AdminPolicyMiddleware",
    "csplatform.kit.access.AccessMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "csplatform.urls"
WSGI_APPLICATION = "csplatform.wsgi.application"
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
            ]
        },
    }
]

# --- PostgreSQL: the truth ------------------------------------------------------------------
DATABASES = {"default": env.db("DATABASE_URL", default="postgresql://postgres@localhost/app")}
DATABASES["default"].setdefault("OPTIONS", {})
DATABASES["default"]["ENGINE"] = "django.db.backends.postgresql"
DATABASES["default"]["OPTIONS"]["options"] = (
    "-c jit=off -c lock_timeout=15000 -c idle_in_transaction_session_timeout=60000 -c TimeZone=UTC"
)
DATABASES["default"]["OPTIONS"]["connect_timeout"] = 5
# A web process has as many threads as WEB_THREADS and keeps a connection for each; workers hold
# one connection for their whole life (a session lock marks it as alive), so they need no pool.
WEB_THREADS = env.int("WEB_THREADS", default=8)
if env.bool("DATABASE_POOL", default=False):
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": WEB_THREADS + 2}
else:
    DATABASES["default"]["CONN_MAX_AGE"] = None
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"]["TEST"] = {"NAME": env.str("TEST_DB", default="test_app")}
# How many whole months of events, and of decisions in programs, are kept; 0: for ever.
EVENTS_KEEP_MONTHS = env.int("EVENTS_KEEP_MONTHS", default=0)
DECISIONS_KEEP_MONTHS = env.int("DECISIONS_KEEP_MONTHS", default=0)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis: wake-ups only -------------------------------------------------------------------
REDIS_URL = env.str("REDIS_URL", default="redis://localhost:6379/0")
# A lost Redis must never hold a request: everything in it can be found again in PostgreSQL.
REDIS_TIMEOUT_SECONDS = 0.2
LANES = ("live", "bulk", "outbox", "slow")
RQ_QUEUES = {
    lane: {"URL": REDIS_URL, "DEFAULT_TIMEOUT": 600, "SERIALIZER": "rq.serializers.JSONSerializer"}
    for lane in LANES
}
RQ = {"COMMIT_MODE": "auto"}
RQ_SHOW_ADMIN_LINK = False

# --- staff ----------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "csplatform.accounts.backend.RoleBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_ENABLED = not TESTING
PASSWORD_HASHERS = (
    ["django.contrib.auth.hashers.MD5PasswordHasher"]  # tests log in hundreds of times
    if TESTING
    else [
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    ]
)

# --- language, time, files ------------------------------------------------------------------
LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if TESTING or DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = TESTING or DEBUG

# --- mail -----------------------------------------------------------------------------------
# Without EMAIL_URL mail is captured in a table and shown at /mail/.
EMAIL_URL = env.str("EMAIL_URL", default="")
if EMAIL_URL:
    vars().update(env.email_url("EMAIL_URL"))
    EMAIL_TIMEOUT = 20
else:
    EMAIL_BACKEND = "journeys.emails.captured.CapturedMailBackend"
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Customer Success <success@example.com>")
DEMO = env.bool("DEMO", default=True)

# --- outgoing requests ----------------------------------------------------------------------
# Webhooks go to the open internet only. What is to be reached besides: host:port for one place,
# a network such as 10.1.0.0/16 for its addresses at the ports below.
OUTBOUND_ALLOW = env.list("OUTBOUND_ALLOW", default=[])
OUTBOUND_PORTS = env.list("OUTBOUND_PORTS", cast=int, default=[80, 443, 8080, 8443])

# --- tracker --------------------------------------------------------------------------------
# What one source (site) may send before it is asked to wait: a steady rate, and a burst.
TRACKER_ITEMS_PER_SECOND = env.int("TRACKER_ITEMS_PER_SECOND", default=2000)
TRACKER_BURST = env.int("TRACKER_BURST", default=10_000)

# --- Content-Security-Policy ----------------------------------------------------------------
# Strict everywhere; the admin's Alpine needs unsafe-eval and inline styles, so
# AdminPolicyMiddleware swaps in ADMIN_POLICY under /admin/ and nowhere else.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:", "https:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "frame-ancestors": [SELF],
        "form-action": [SELF],
    }
}
ADMIN_POLICY = {
    "script-src": [SELF, UNSAFE_EVAL],
    "style-src": [SELF, UNSAFE_INLINE],
}

# --- REST -----------------------------------------------------------------------------------
# Largest body of a request, and what one user or key may ask of one web process per minute.
API_MAX_BYTES = env.int("API_MAX_BYTES", default=2_500_000)
API_REQUESTS_PER_MINUTE = env.int("API_REQUESTS_PER_MINUTE", default=1200)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "csplatform.api.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["csplatform.api.permissions.RolePermission"],
    "DEFAULT_THROTTLE_CLASSES": ["csplatform.api.throttling.CallerThrottle"],
    "DEFAULT_FILTER_BACKENDS": ["csplatform.api.filters.StrictFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "csplatform.api.paging.CursorPaging",
    "DEFAULT_SCHEMA_CLASS": "csplatform.api.schema.Schema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["csplatform.api.parsing.StrictJSONParser"],
    "EXCEPTION_HANDLER": "csplatform.api.errors.handle",
    "URL_FORMAT_OVERRIDE": None,
    "COERCE_DECIMAL_TO_STRING": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "CS Platform API",
    "DESCRIPTION": "Everything that the admin can do, over HTTP. Guide: docs/api.md.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SCHEMA_PATH_PREFIX_INSERT": "",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": ["csplatform.api.schema.finish"],
    "SORT_OPERATION_PARAMETERS": False,
}

# --- the admin's look -----------------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": "CS Platform",
    "SITE_HEADER": "CS Platform",
    "SITE_SUBHEADER": "Programs and engagements",
    "SITE_SYMBOL": "conversion_path",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("adminkit/favicon.svg"),
        }
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "8px",
    "COMMAND": {"search_models": True, "show_history": True},
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "show_all_applications": False,
        "navigation": "csplatform.adminkit.navigation.sidebar",
    },
    "STYLES": [
        lambda request: static("adminkit/admin.css"),
        lambda request: static("failures/queues.css"),
        lambda request: static("health/health.css"),
    ],
    "SCRIPTS": [],
    "COLORS": {
        "primary": {
            "50": "245 243 255", "100": "237 233 254", "200": "221 214 254",
            "300": "196 181 253", "400": "167 139 250", "500": "139 92 246",
            "600": "124 58 237", "700": "109 40 217", "800": "91 33 182",
            "900": "76 29 149", "950": "46 16 101",
        },
    },
}  # fmt: skip

# --- logs -----------------------------------------------------------------------------------
# Who may read /metrics from another machine, as `Authorization: Bearer ...`.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "csplatform.kit.logs.formatter"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "json"},
        # errors that a job's work caught and logged stand on the desk of failures as well
        "failures": {"class": "csplatform.kit.failing.InsideHandler", "level": "ERROR"},
    },
    "root": {"handlers": ["stderr", "failures"], "level": "WARNING" if TESTING else LOG_LEVEL},
    "loggers": {"rq": {"level": "WARNING"}, "httpx": {"level": "WARNING"}},
}

os.environ.setdefault("TLDEXTRACT_CACHE", str(DATA_DIR / "tldextract"))
SILENCED_SYSTEM_CHECKS = ["axes.W003"]

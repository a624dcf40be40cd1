"""The OpenAPI document: errors, idempotency and tags of every operation."""

import inspect
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from csplatform.api.errors import CODES

ALWAYS = (400, 401, 403, 429)
OF_BODIES = (409, 413, 415)
SENTENCES = {
    400: "Something in the request is wrong; problems name the places.",
    401: "No key or session, or one that is not valid.",
    403: "The role or the key's scopes do not allow it.",
    404: "There is no such object.",
    409: "Its state does not allow this, or somebody else changed it meanwhile.",
    413: "The body is too large.",
    415: "Send application/json.",
    429: "Too many requests; see Retry-After.",
}
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "problems"],
            "properties": {
                "code": {"type": "string", "enum": sorted({*CODES.values(), "error"})},
                "message": {"type": "string"},
                "problems": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["path", "code", "message"],
                        "properties": {
                            "path": {
                                "type": "string",
                                "description": "Place in the request, e.g. /rule/all/0/test.",
                            },
                            "code": {"type": "string"},
                            "message": {"type": "string"},
                        },
                    },
                },
            },
        }
    },
    "example": {
        "error": {
            "code": "invalid",
            "message": "There is no such test; use one of: attribute, event.",
            "problems": [
                {
                    "path": "/rule/all/0/test",
                    "code": "unknown_kind",
                    "message": "There is no such test; use one of: attribute, event.",
                }
            ],
        }
    },
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Any text of your own: a repeated request with the same key and body gets the "
    "first answer again and does nothing, for 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
}


class Schema(AutoSchema):
    """Operations as this API answers them."""

    def get_tags(self) -> list[str]:
        """The resource."""
        return [self._tokenize_path()[0]]

    def get_summary(self) -> str | None:
        """The first line of the action's docstring."""
        action = getattr(self.view, getattr(self.view, "action", None) or "", None)
        text = inspect.getdoc(action) if action else ""
        own = text and getattr(action, "__module__", "").startswith("rest_framework") is False
        if own and text:
            return text.splitlines()[0].rstrip(".")
        words = {"list": "List", "retrieve": "Read one", "destroy": "Delete"}
        return words.get(getattr(self.view, "action", "") or "")

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        """Adds what is the same everywhere."""
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        statuses = [*ALWAYS]
        if "{" in self.path:
            statuses.append(404)
        if self.method in ("POST", "PUT", "PATCH", "DELETE"):
            statuses += OF_BODIES
        if self.method == "POST":
            operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
        for status in sorted(statuses):
            operation["responses"][str(status)] = {
                "description": SENTENCES[status],
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            }
        return operation


def finish(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Post-processing hook: the error component, and ids as ids."""
    result["components"].setdefault("schemas", {})["Error"] = ERROR
    for path in result["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path" and parameter["schema"].get("type") == "integer":
                    parameter["schema"].update(minimum=1, maximum=2**63 - 1)
    return result


class ApiKeyScheme(OpenApiAuthenticationExtension):
    """How the schema describes the keys."""

    target_class = "csplatform.api.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """A bearer token."""
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "csp_<prefix>_<secret>",
            "description": "A key made in the admin under Settings, API keys.",
        }

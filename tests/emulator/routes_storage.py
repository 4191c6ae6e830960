"""The answer of the storage service to who has no role for its data: their requests are sent here, not to Azurite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.routing import Answer, Request, Route

if TYPE_CHECKING:
    from emulator.service import Service

#: As the storage service says it (learn.microsoft.com/rest/api/storageservices/blob-service-error-codes).
_CODE = "AuthorizationPermissionMismatch"
_BODY = (
    '<?xml version="1.0" encoding="utf-8"?><Error>'
    f"<Code>{_CODE}</Code><Message>This request is not authorized to perform this operation using this permission."
    "</Message></Error>"
)


def refuse(service: Service, request: Request) -> Answer:
    headers = {"Content-Type": "application/xml", "x-ms-error-code": _CODE}
    return Answer(403, headers=headers, content=_BODY.encode())


ROUTES = tuple(
    Route(method, host, template, refuse, frozenset(), None, None)
    for host in ("*.blob.core.windows.net", "*.queue.core.windows.net")
    for method in ("GET", "HEAD", "PUT", "POST", "DELETE")
    for template in ("/", "/{path*}")
)

"""Tokens: login.microsoftonline.com for applications, the endpoint of nodes for their identities, the stub of `az`."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from emulator.faults import NODE_TOKENS
from emulator.principals import Principal
from emulator.resources import TENANT_ID
from emulator.routing import LOGIN_HOST, PLAIN_HOST, Answer, RefusedError, Request, Route, StrictError
from emulator.tokens import Token, TokenError

if TYPE_CHECKING:
    from emulator.service import Service

#: The one of App Service, which the nodes of Azure Machine Learning speak (azure-identity, _credentials/azure_ml.py).
NODE_API_VERSION = "2017-09-01"


def openid_configuration(service: Service, request: Request) -> Answer:
    tenant = request.parts["tenant"]
    _check_tenant(tenant)
    authority = f"https://{LOGIN_HOST}/{tenant}"
    return Answer(
        document={
            "issuer": f"https://sts.windows.net/{TENANT_ID}/",
            "authorization_endpoint": f"{authority}/oauth2/v2.0/authorize",
            "token_endpoint": f"{authority}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{authority}/oauth2/v2.0/devicecode",
            "jwks_uri": f"{authority}/discovery/v2.0/keys",
            "tenant_region_scope": "EU",
        }
    )


def instance_discovery(service: Service, request: Request) -> Answer:
    names = {"preferred_network": LOGIN_HOST, "preferred_cache": LOGIN_HOST, "aliases": [LOGIN_HOST]}
    endpoint = f"https://{LOGIN_HOST}/{TENANT_ID}/v2.0/.well-known/openid-configuration"
    return Answer(document={"tenant_discovery_endpoint": endpoint, "api-version": "1.1", "metadata": [names]})


def application_token(service: Service, request: Request) -> Answer:
    """Answer who logs in with the secret of an application."""
    _check_tenant(request.parts["tenant"])
    form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    for principal in service.world.directory.principals.values():
        if principal.client_id and principal.client_id == form.get("client_id"):
            break
    else:
        return _login_error("unauthorized_client", f"AADSTS700016: There is no application {form.get('client_id')}.")
    if form.get("client_secret") != service.tokens.secret_of(principal):
        return _login_error("invalid_client", "AADSTS7000215: Invalid client secret provided.", status=401)
    scopes = [scope for scope in form["scope"].split() if scope not in ("openid", "profile", "offline_access")]
    try:
        token = service.tokens.make(principal, scopes[0])
    except TokenError as bad:
        raise StrictError(400, bad.code, str(bad)) from None
    life = int(service.tokens.life_seconds)
    document = {"token_type": "Bearer", "expires_in": life, "ext_expires_in": life, "access_token": token.text}
    return Answer(document=document)


def node_token(service: Service, request: Request) -> Answer:
    """Answer a job on a node, which shows the secret of its cluster."""
    identities = service.node_secrets.get(request.headers.get("secret", ""))
    if identities is None:
        raise StrictError(401, "Unauthorized", "the node shows no secret, or another's")
    client_id = request.query.get("clientid")
    found = [service.world.directory.identity(path) for path in identities]
    fitting = [one for one in found if one and client_id in (None, one.client_id)]
    if len(fitting) != 1:
        raise RefusedError(400, "invalid_request", "Identity not found, or several of them and none is named.")
    token = _made(service, fitting[0], request.query.get("resource", ""))
    return Answer(
        document={
            "access_token": token.text,
            "expires_on": str(token.expires_at),
            "resource": token.audience,
            "token_type": "Bearer",
            "client_id": fitting[0].client_id,
        }
    )


def az_token(service: Service, request: Request) -> Answer:
    """Answer the stub of `az account get-access-token`."""
    person = _person(service, request)
    token = _made(service, person, request.query["resource"])
    return Answer(
        document={
            "accessToken": token.text,
            "expires_on": token.expires_at,
            "subscription": service.world.workspace.subscription_id,
            "tenant": service.world.directory.tenant_id,
            "tokenType": "Bearer",
        }
    )


def az_account(service: Service, request: Request) -> Answer:
    """Answer the stub of `az account show`."""
    person = _person(service, request)
    workspace = service.world.workspace
    return Answer(
        document={
            "environmentName": "AzureCloud",
            "id": workspace.subscription_id,
            "name": "Research",
            "isDefault": True,
            "state": "Enabled",
            "tenantId": service.world.directory.tenant_id,
            "user": {"name": person.name, "type": "user"},
        }
    )


def _person(service: Service, request: Request) -> Principal:
    person = service.world.directory.principals[request.query["person"]]
    if person.object_id in service.world.directory.logged_out:
        raise RefusedError(401, "LoggedOut", "Please run 'az login' to setup account.")
    return person


def _made(service: Service, principal: Principal, resource: str) -> Token:
    try:
        return service.tokens.make(principal, resource)
    except TokenError as bad:
        raise StrictError(400, bad.code, str(bad)) from None


def _check_tenant(tenant: str) -> None:
    if tenant not in (TENANT_ID, "common", "organizations"):
        raise RefusedError(400, "invalid_tenant", f"AADSTS90002: Tenant '{tenant}' not found.")


def _login_error(code: str, description: str, status: int = 400) -> Answer:
    return Answer(status, {"error": code, "error_description": description})


def _route(method: str, host: str, template: str, handler: object, *versions: str) -> Route:
    return Route(method, host, template, handler, frozenset(versions), None, None)  # type: ignore[arg-type]


ROUTES = (
    _route("GET", LOGIN_HOST, "/{tenant}/v2.0/.well-known/openid-configuration", openid_configuration),
    _route("GET", LOGIN_HOST, "/common/discovery/instance", instance_discovery, "1.1"),
    _route("POST", LOGIN_HOST, "/{tenant}/oauth2/v2.0/token", application_token),
    _route("GET", PLAIN_HOST, NODE_TOKENS, node_token, NODE_API_VERSION),
    _route("GET", PLAIN_HOST, "/az/token", az_token),
    _route("GET", PLAIN_HOST, "/az/account", az_account),
)

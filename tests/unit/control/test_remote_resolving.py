from __future__ import annotations

from typing import Any

import pytest
from wordings import Wording, names

from hyperscale.control.remote.remote_files import RemoteError
from hyperscale.control.remote.resolving import account_of
from hyperscale.uris import Uri, parse


def uri_of(text: str) -> Uri:
    found = parse(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "properties",
    [
        {"datastoreType": "AzureBlob", "accountName": "account", "containerName": "data"},
        {"datastoreType": "AzureDataLakeGen2", "accountName": "account", "filesystem": "data"},
    ],
)
def test_a_datastore_is_a_container_of_an_account(properties: dict[str, Any]) -> None:
    found = account_of(uri_of("azureml://datastores/store/paths/a/b.csv"), {"properties": properties})

    assert found.text == "abfss://data@account.dfs.core.windows.net/a/b.csv"
    assert (found.name, found.container, found.path) == ("account", "data", "a/b.csv")


@pytest.mark.parametrize("kind", ["AzureFile", "AzureDataLakeGen1", "OneLake"])
def test_a_datastore_of_something_else_is_refused(kind: str, wording: Wording) -> None:
    with pytest.raises(RemoteError) as refused:
        account_of(uri_of("azureml://datastores/store/paths/a"), {"properties": {"datastoreType": kind}})
    names(refused, "store", kind, "AzureBlob")
    wording(refused)

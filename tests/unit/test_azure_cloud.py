"""Another cloud than the public one is refused wherever a login begins, and named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from wordings import Wording, names

from hyperscale.azure_cloud import refuse_other_clouds
from hyperscale.errors import AzureError
from hyperscale.node.storing.credentials import login, node_credential


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("AZURE_CLOUD", "AZURE_US_GOVERNMENT", "AZURE_US_GOVERNMENT"),
        ("AZUREML_CURRENT_CLOUD", "AzureChinaCloud", "AzureChinaCloud"),
        ("AZURE_CLOUD_NAME", "AzureStack", "AzureStack"),
        ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us/", "login.microsoftonline.us"),
        ("AZURE_AUTHORITY_HOST", "login.chinacloudapi.cn", "login.chinacloudapi.cn"),
        ("ARM_CLOUD_METADATA_URL", "https://management.usgovcloudapi.net/metadata", "management.usgovcloudapi.net"),
        ("MLFLOW_TRACKING_URI", "azureml://usgovarizona.api.ml.azure.us/mlflow/v1.0/x", "usgovarizona.api.ml.azure.us"),
    ],
)
def test_another_cloud_is_refused_and_who_names_it_is_told(tmp_path: Path, variable: str, value: str, said: str):
    with pytest.raises(AzureError) as caught:
        refuse_other_clouds({"HOME": str(tmp_path), variable: value})

    names(caught.value, variable, said)
    assert "az cloud set --name AzureCloud" in str(caught.value.hint)


def test_the_cloud_that_az_uses_counts_unless_the_login_is_by_variables(tmp_path: Path, wording: Wording):
    (tmp_path / ".azure").mkdir()
    (tmp_path / ".azure" / "config").write_text("[cloud]\nname = AzureUSGovernment\n")
    home = {"HOME": str(tmp_path)}

    with pytest.raises(AzureError) as caught:
        refuse_other_clouds(home)
    refuse_other_clouds({**home, "AZURE_CLIENT_ID": "a", "AZURE_TENANT_ID": "b", "AZURE_CLIENT_SECRET": "c"})

    names(caught.value, ".azure/config", "AzureUSGovernment")
    wording(caught.value, hidden={str(tmp_path): "<home>"})


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"AZURE_CLOUD": "AZURE_PUBLIC_CLOUD", "AZUREML_CURRENT_CLOUD": "AzureCloud", "AZURE_CLOUD_NAME": ""},
        {"AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com"},
        {"MLFLOW_TRACKING_URI": "azureml://westeurope.api.azureml.ms/mlflow/v1.0/x"},
        {"MLFLOW_TRACKING_URI": "file:///tmp/mlruns"},
    ],
)
def test_the_public_cloud_passes(tmp_path: Path, environ: dict[str, str]):
    (tmp_path / "config").write_text("[cloud]\nname = AzureCloud\n")

    refuse_other_clouds({"AZURE_CONFIG_DIR": str(tmp_path), **environ})


def test_no_login_and_no_identity_of_a_node_gets_that_far(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AZURE_CLOUD", "AZURE_CHINA_CLOUD")
    login.cache_clear()

    with pytest.raises(AzureError, match="AZURE_CHINA_CLOUD"):
        login()
    with pytest.raises(AzureError, match="AZURE_CHINA_CLOUD"):
        node_credential(os.environ)

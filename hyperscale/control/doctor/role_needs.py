"""Which roles a run on Azure ML needs: of the person who submits it, and of the identity that it works with.

`doctor` looks for what these roles allow, in whatever role it is; `doctor --print-setup` assigns them. Names of actions
and roles: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles and
https://learn.microsoft.com/azure/machine-learning/how-to-assign-roles.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hyperscale.experiment import Experiment
from hyperscale.node.consuming.key_vault import secret_place

Whose = Literal["person", "run"]

WORKSPACE = "workspace"
IDENTITY = "identity"
QUEUE_ACCOUNT = "queue account"
CONTAINER = "container"
REGISTRY = "registry"
VAULT = "key vault"
_ML = "Microsoft.MachineLearningServices/workspaces"
_QUEUES = "Microsoft.Storage/storageAccounts/queueServices/queues"
_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
_IMAGE_REGISTRY = re.compile(r"([a-z0-9]+)\.azurecr\.io/", re.IGNORECASE)


@dataclass(frozen=True)
class Need:
    """A role that somebody needs.

    Attributes:
        whose: the person's, or that of the run's identity.
        role: the built-in role that allows no more than is needed, as far as there is one.
        kind: of the resource that it is needed on; the narrowest that works.
        why: what it is for.
        actions, data_actions: that it has to allow, of Azure Resource Manager and of data.
        name: of the resource, where the experiment names it: a registry, a key vault.
    """

    whose: Whose
    role: str
    kind: str
    why: str
    actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    name: str = ""


def makes_clusters(experiment: Experiment) -> bool:
    """Return whether a submission makes a cluster: of the run's own, or the control cluster."""
    control = experiment.compute.control
    return owns_clusters(experiment) or not (control.existing or control.serverless)


def owns_clusters(experiment: Experiment) -> bool:
    """Return whether the run has clusters of its own, which its teardown deletes."""
    return not (experiment.compute.existing or experiment.compute.serverless)


def needs_of(experiment: Experiment) -> tuple[Need, ...]:
    """Return every role that `experiment` needs, those of the person first."""
    return (*_of_person(experiment), *_of_run(experiment))


def image_registry(experiment: Experiment) -> str | None:
    """Return the name of the Azure registry that the image comes from; None when it is another one."""
    found = None if experiment.environment.environment else _IMAGE_REGISTRY.match(experiment.environment.image)
    return found[1].lower() if found else None


def pulls_images(registry: str) -> Need:
    """Return what the run's identity needs on a registry of images."""
    actions = ("Microsoft.ContainerRegistry/registries/pull/read",)
    return Need("run", "AcrPull", REGISTRY, "pulls images", actions, name=registry)


def vaults(experiment: Experiment) -> tuple[str, ...]:
    """Return the names of the key vaults of `activity.secrets`, once each."""
    places = (secret_place(variable, url) for variable, url in experiment.activity.secrets.items())
    return tuple(dict.fromkeys(place.vault.lower() for place in places))


def _of_person(experiment: Experiment) -> Sequence[Need]:
    jobs = ("read", "jobs/read", "jobs/write", "components/versions/write", "environments/versions/write")
    needs = [
        Need("person", "AzureML Data Scientist", WORKSPACE, "submits jobs", tuple(f"{_ML}/{part}" for part in jobs))
    ]
    if makes_clusters(experiment):
        actions = tuple(f"{_ML}/computes/{verb}" for verb in ("read", "write", "delete"))
        needs.append(Need("person", "AzureML Compute Operator", WORKSPACE, "makes and deletes clusters", actions))
        if experiment.compute.identity:
            actions = ("Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",)
            why = "gives the identity to clusters"
            needs.append(Need("person", "Managed Identity Operator", IDENTITY, why, actions))
    return [*needs, *_of_data("person")]


def _of_run(experiment: Experiment) -> Sequence[Need]:
    reads = tuple(f"{_ML}/{part}" for part in ("read", "jobs/read"))
    needs = [Need("run", "Reader", WORKSPACE, "finds the storage account and the state of jobs", reads)]
    if owns_clusters(experiment):
        actions = tuple(f"{_ML}/computes/{verb}" for verb in ("read", "delete"))
        needs.append(Need("run", "AzureML Compute Operator", WORKSPACE, "deletes the run's clusters", actions))
    if experiment.output.register:
        actions = tuple(f"{_ML}/data/versions/{verb}" for verb in ("read", "write"))
        needs.append(Need("run", "AzureML Data Scientist", WORKSPACE, "registers the results as a data asset", actions))
    needs.extend(_of_data("run"))
    registry = image_registry(experiment)
    if registry:
        needs.append(pulls_images(registry))
    actions = ("Microsoft.KeyVault/vaults/secrets/getSecret/action",)
    for name in vaults(experiment):
        needs.append(Need("run", "Key Vault Secrets User", VAULT, "reads secrets", data_actions=actions, name=name))
    return needs


def _of_data(whose: Whose) -> Sequence[Need]:
    verbs = ("read", "write", "delete")
    queues = tuple(f"{_QUEUES}/messages/{verb}" for verb in verbs)
    blobs = tuple(f"{_BLOBS}/{verb}" for verb in verbs)
    return [
        Need(whose, "Storage Queue Data Contributor", QUEUE_ACCOUNT, "uses queues", data_actions=queues),
        Need(whose, "Storage Blob Data Contributor", CONTAINER, "uses the store", data_actions=blobs),
    ]

"""Which roles a run on Azure ML needs: of the person who submits it, and of the identities that its nodes work with.

`doctor` looks for what these roles allow, in whatever role it is; `doctor --print-setup` assigns them. Consumers run
the user's code: their identity has roles on data, and no right of Azure Resource Manager. Seed and teardown read and
cancel jobs and delete clusters. Names of actions and roles:
https://learn.microsoft.com/azure/role-based-access-control/built-in-roles and
https://learn.microsoft.com/azure/machine-learning/how-to-assign-roles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from hyperscale.experiment import Experiment
from hyperscale.node.consuming.key_vault import secret_place

Whose = Literal["person", "consumers", "control"]

SUBSCRIPTION = "subscription"
WORKSPACE = "workspace"
IDENTITY = "identity"
NETWORK = "virtual network"
QUEUE_ACCOUNT = "queue account"
CONTAINER = "container"
OWN_STORAGE = "the workspace's own storage"
REGISTRY = "registry"
VAULT = "key vault"
#: The role of this name is needed where Azure ML pulls images itself: that it is needed is assumed.
PULLS_IMAGES = "AcrPull"
_PROVIDER = "Microsoft.MachineLearningServices"
_ML = f"{_PROVIDER}/workspaces"
_QUEUES = "Microsoft.Storage/storageAccounts/queueServices/queues"
_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
_NETWORKS = "Microsoft.Network/virtualNetworks"
_IMAGE_REGISTRY = re.compile(r"([a-z0-9]+)\.azurecr\.io/", re.IGNORECASE)
#: Jobs are read, written and cancelled, and their tags and metrics set, by what is documented as `jobs/*`.
_JOBS = ("jobs/read", "jobs/write", "jobs/cancel/action")
_ASSETS = tuple(
    f"{kind}/versions/{verb}" for kind in ("codes", "components", "environments") for verb in ("read", "write")
)
_SUBMITS = ("read", *_JOBS, *_ASSETS, "datastores/read", "datastores/listSecrets/action")
#: how-to-assign-roles: "Submitting any type of run (V2)" and the paths of the V2 API; datastores: "Access data".
_SUBMITS_EXACTLY = (
    "read",
    "*/read",
    "jobs/*",
    "codes/versions/write",
    "components/versions/write",
    "environments/write",
    "environments/versions/write",
    "environments/build/action",
    "environments/readSecrets/action",
    "metadata/artifacts/write",
    "metadata/codes/*/write",
    "datastores/listSecrets/action",
)
#: What `doctor` looks at besides quota: with less than that, it calls unknown what it cannot see.
_LOOKS = (
    "Microsoft.Authorization/roleAssignments/read",
    "Microsoft.Authorization/roleDefinitions/read",
    "Microsoft.ManagedIdentity/userAssignedIdentities/read",
    "Microsoft.Storage/storageAccounts/read",
    "Microsoft.ContainerRegistry/registries/read",
    "Microsoft.KeyVault/vaults/read",
    "Microsoft.Resources/subscriptions/resources/read",
)


@dataclass(frozen=True)
class Need:
    """A role that somebody needs.

    Attributes:
        whose: the person's, or that of the identity of consumers, or of seed and teardown.
        role: the built-in role that allows no more than is needed, as far as there is one.
        kind: of the resource that it is needed on; the narrowest that works.
        why: what it is for.
        actions, data_actions: that it has to allow, of Azure Resource Manager and of data.
        name: of the resource, where the experiment names it: an identity, a network, a registry, a key vault.
        exactly: actions and patterns of a custom role in place of `role`; empty: `actions`.
    """

    whose: Whose
    role: str
    kind: str
    why: str
    actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    name: str = ""
    exactly: tuple[str, ...] = ()

    @property
    def custom_actions(self) -> tuple[str, ...]:
        """Return what a custom role allows that does the same and no more."""
        return self.exactly or self.actions


def makes_clusters(experiment: Experiment) -> bool:
    """Return whether a submission makes a cluster: of the run's own, or the control cluster."""
    return owns_clusters(experiment) or makes_control_cluster(experiment)


def makes_control_cluster(experiment: Experiment) -> bool:
    """Return whether seed and teardown run on the workspace's shared control cluster."""
    control = experiment.compute.control
    return not (control.existing or control.serverless)


def owns_clusters(experiment: Experiment) -> bool:
    """Return whether the run has clusters of its own, which its teardown deletes."""
    return not (experiment.compute.existing or experiment.compute.serverless)


def given_identities(experiment: Experiment) -> tuple[str, ...]:
    """Return the resource ids of the identities that the clusters of a submission get, once each."""
    compute = experiment.compute
    given = [compute.identity if owns_clusters(experiment) else None]
    given.append(compute.control_identity if makes_control_cluster(experiment) else None)
    return tuple({identity.lower(): identity for identity in given if identity}.values())


def unnamed_identities(experiment: Experiment) -> tuple[str, ...]:
    """Return the keys that name no identity for clusters that a submission makes: their nodes could do nothing."""
    compute = experiment.compute
    if owns_clusters(experiment) and not compute.identity:
        return ("compute.identity",)
    if makes_control_cluster(experiment) and not compute.control_identity:
        return ("compute.control.identity",)
    return ()


def needs_of(experiment: Experiment, *, by_identity: bool = False) -> tuple[Need, ...]:
    """Return every role that `experiment` needs, those of the person first.

    Args:
        experiment: it.
        by_identity: whether the workspace's own datastores hold no key (`systemDatastoresAuthMode: identity`).
    """
    return (
        *_of_person(experiment, by_identity),
        *_of_consumers(experiment, by_identity),
        *_of_control(experiment, by_identity),
    )


def image_registry(experiment: Experiment) -> str | None:
    """Return the name of the Azure registry that the image comes from; None when it is another one."""
    found = None if experiment.environment.environment else _IMAGE_REGISTRY.match(experiment.environment.image)
    return found[1].lower() if found else None


def pulls_images(whose: Whose, registry: str) -> Need:
    """Return what an identity of nodes needs on a registry of images."""
    actions = ("Microsoft.ContainerRegistry/registries/pull/read",)
    return Need(whose, PULLS_IMAGES, REGISTRY, "pulls images", actions, name=registry)


def vaults(experiment: Experiment) -> tuple[str, ...]:
    """Return the names of the key vaults of `activity.secrets`, once each."""
    places = (secret_place(variable, url) for variable, url in experiment.activity.secrets.items())
    return tuple(dict.fromkeys(place.vault.lower() for place in places))


def _of_person(experiment: Experiment, by_identity: bool) -> Iterator[Need]:
    # Both are asked of the subscription: a role on the workspace is none there.
    quota = tuple(f"{_PROVIDER}/locations/{part}/read" for part in ("usages", "vmSizes"))
    yield Need("person", "Reader", SUBSCRIPTION, "sees quota and sizes", quota, exactly=(*quota, *_LOOKS))
    yield Need(
        "person",
        "AzureML Data Scientist",
        WORKSPACE,
        "submits jobs",
        _of_workspace(*_SUBMITS),
        exactly=_of_workspace(*_SUBMITS_EXACTLY),
    )
    if makes_clusters(experiment):
        actions = _of_workspace("computes/read", "computes/write", "computes/delete")
        yield Need("person", "AzureML Compute Operator", WORKSPACE, "makes and deletes clusters", actions)
        for identity in given_identities(experiment):
            actions = ("Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",)
            why = "gives the identity to clusters"
            yield Need("person", "Managed Identity Operator", IDENTITY, why, actions, name=identity)
        if experiment.compute.network:
            # https://learn.microsoft.com/azure/machine-learning/how-to-secure-training-vnet
            parts = ("read", "subnets/read", "join/action", "subnets/join/action")
            actions = tuple(f"{_NETWORKS}/{part}" for part in parts)
            exactly = (f"{_NETWORKS}/*/read", *actions[2:])
            why = "puts clusters into the network"
            yield Need("person", "Network Contributor", NETWORK, why, actions, exactly=exactly)
    yield from _of_data("person", by_identity)


def _of_consumers(experiment: Experiment, by_identity: bool) -> Iterator[Need]:
    yield from _of_data("consumers", by_identity)
    registry = image_registry(experiment)
    if registry:
        yield pulls_images("consumers", registry)
    actions = ("Microsoft.KeyVault/vaults/secrets/getSecret/action",)
    for name in vaults(experiment):
        yield Need("consumers", "Key Vault Secrets User", VAULT, "reads secrets", data_actions=actions, name=name)


def _of_control(experiment: Experiment, by_identity: bool) -> Iterator[Need]:
    yield Need(
        "control",
        "AzureML Data Scientist",
        WORKSPACE,
        "watches and cancels jobs",
        _of_workspace("read", *_JOBS),
        exactly=_of_workspace("read", "jobs/*"),
    )
    if owns_clusters(experiment):
        actions = _of_workspace("computes/read", "computes/delete")
        yield Need("control", "AzureML Compute Operator", WORKSPACE, "deletes the run's clusters", actions)
    if experiment.output.register:
        actions = _of_workspace("data/versions/read", "data/versions/write")
        why = "registers the results as a data asset"
        yield Need("control", "AzureML Data Scientist", WORKSPACE, why, actions)
    yield from _of_data("control", by_identity)


def _of_data(whose: Whose, by_identity: bool) -> Iterator[Need]:
    verbs = ("read", "write", "delete")
    queues = tuple(f"{_QUEUES}/messages/{verb}" for verb in verbs)
    blobs = tuple(f"{_BLOBS}/{verb}" for verb in verbs)
    yield Need(whose, "Storage Queue Data Contributor", QUEUE_ACCOUNT, "uses queues", data_actions=queues)
    yield Need(whose, "Storage Blob Data Contributor", CONTAINER, "uses the store", data_actions=blobs)
    if by_identity:
        why = "uses the workspace's own storage"
        yield Need(whose, "Storage Blob Data Contributor", OWN_STORAGE, why, data_actions=blobs)


def _of_workspace(*parts: str) -> tuple[str, ...]:
    return tuple(f"{_ML}/{part}" for part in parts)

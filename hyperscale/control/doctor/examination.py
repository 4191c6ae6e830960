"""The checks that a workspace which has answered makes possible: all for `doctor`, the cheap ones before a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from hyperscale.control.azure.session import Person, Session
from hyperscale.control.doctor.checks import Check, guarded
from hyperscale.control.doctor.compute import cluster_checks, image_checks
from hyperscale.control.doctor.identities import (
    BOTH,
    CONSUMERS,
    CONTROL,
    NodeIdentities,
    RunIdentity,
    identity_checks,
    merged,
    shared_identity_check,
)
from hyperscale.control.doctor.role_grants import RoleReader
from hyperscale.control.doctor.role_needs import Need, Whose, needs_of
from hyperscale.control.doctor.roles import RoleChecks, Scopes, account_id
from hyperscale.control.doctor.storage import Account, queue_probe, storage_checks, store_probe
from hyperscale.experiment import Experiment

YOU = "you"
#: Requests of different principals are made at the same time; those of one follow each other, and share answers.
_THREADS = 8


@dataclass(frozen=True)
class Examination:
    """Looks at everything that a run of an experiment needs in its workspace, and changes nothing.

    Attributes:
        experiment: it.
        session: a login to its workspace.
        person: whose login that is.
    """

    experiment: Experiment
    session: Session
    person: Person

    def checks(self) -> list[Check]:
        """Return all checks."""
        identity, clusters, identities = self._machines()
        store, queue = self._accounts()
        scopes, roles = Scopes(self.session, self.experiment, store, queue), self._role_reader()
        return _side_by_side(
            [
                self._of_person(scopes, roles, is_cheap=False),
                lambda: [*identity, *shared_identity_check(identities)],
                *self._of_nodes(identities, scopes, roles, registries=True),
                lambda: clusters,
                lambda: storage_checks(self.session, store, queue),
                lambda: guarded("image", "environment", lambda: image_checks(self.session, self.experiment)),
            ]
        )

    def cheap_checks(self, *, tries_storage: bool) -> list[Check]:
        """Return the checks of what a run cannot do without; they take a second or two.

        Args:
            tries_storage: whether to try the storage accounts with the person's login.
        """
        identity, clusters, identities = self._machines()
        store, queue = self._accounts()
        scopes, roles = Scopes(self.session, self.experiment, store, queue), self._role_reader()
        probes = [lambda: store_probe(self.session, store), lambda: queue_probe(self.session, queue)]
        return _side_by_side(
            [
                lambda: identity,
                *self._of_nodes(identities, scopes, roles, registries=False),
                lambda: clusters,
                self._of_person(scopes, roles, is_cheap=True),
                *(probes if tries_storage else ()),
            ]
        )

    def _machines(self) -> tuple[list[Check], list[Check], NodeIdentities]:
        """Return the checks of identities, those of clusters, and who the nodes work as."""
        identity, identities = identity_checks(self.session, self.experiment)
        clusters, identities = cluster_checks(self.session, self.experiment, identities)
        return identity, clusters, identities

    def _role_reader(self) -> RoleReader:
        return RoleReader(self.session.workspace.azure, self.session.place.workspace.subscription_id)

    def _needs(self) -> tuple[Need, ...]:
        return needs_of(self.experiment, by_identity=self.session.facts.by_identity)

    def _of_person(self, scopes: Scopes, roles: RoleReader, *, is_cheap: bool) -> Callable[[], list[Check]]:
        who = RunIdentity(self.person.name, self.person.object_id)
        mine = RoleChecks(YOU, who, scopes, roles, is_login=True, is_cheap=is_cheap)
        needs = [need for need in self._needs() if need.whose == "person" and (mine.stops_runs(need) or not is_cheap)]
        return lambda: [check for need in needs for check in mine.of(need)]

    def _of_nodes(
        self, identities: NodeIdentities, scopes: Scopes, roles: RoleReader, *, registries: bool
    ) -> Iterator[Callable[[], list[Check]]]:
        """Yield what asks for the checks of each identity; one that all nodes have needs what all of them need."""
        for each in merged([*identities.consumers, *identities.control]):
            whose: list[Whose] = ["consumers"] if each in identities.consumers else []
            whose += ["control"] if each in identities.control else []
            about = BOTH if len(whose) > 1 else CONSUMERS if "consumers" in whose else CONTROL
            its = RoleChecks(about, each, scopes, roles)
            needs = {(need.why, need.kind, need.name): need for need in self._needs() if need.whose in whose}
            yield lambda its=its, needs=needs, whose=whose: [  # type: ignore[misc]
                *(check for need in needs.values() for check in its.of(need)),
                *(its.of_own_registry(whose[0]) if registries else ()),
            ]

    def _accounts(self) -> tuple[Account, Account]:
        """Return the accounts of store and queue."""
        store, queue = self.session.storage_account, self.session.queue_account
        ids = {name: account_id(self.session, name) for name in dict.fromkeys((store, queue))}
        azure = self.experiment.azure
        key = "azure.queue_account" if azure.queue_account else "azure.storage_account"
        return Account(store, ids[store], "azure.storage_account"), Account(queue, ids[queue], key)


def _side_by_side(asks: Sequence[Callable[[], list[Check]]]) -> list[Check]:
    """Return the checks of all `asks`, in their order."""
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="look") as pool:
        return [check for checks in pool.map(lambda ask: ask(), asks) for check in checks]

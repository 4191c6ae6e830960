"""The one door to azure-ai-ml: registers components, makes clusters and submits pipelines, without words of its own.

What is read of Azure ML is asked by `hyperscale.node.azure.workspace`. This library does what it alone does well: it
knows what the service takes for the files that we render, and how code travels into a workspace.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from azure.core import exceptions as sdk
from hyperscale.control.azure.session import Session
from hyperscale.errors import AzureError
from hyperscale.node.azure.refusals import refusal
from hyperscale.node.storing.credentials import PERSON
from hyperscale.node.storing.sign_in import no_token
from hyperscale.tempo import at_tempo

T = TypeVar("T")

#: The components, in the order of their registration. Who finds the last one finds all of them.
COMPONENTS = ("seed", "gate", "teardown", "consume")
#: How long the SDK waits between two looks at a cluster that is being made, where Azure does not say.
POLL_SECONDS = 2
_MAX_SAID = 600
_BUILDS_SCHEMA = "_create_schema_for_validation"
#: Addresses may hold a signature, and what begins like this is a token.
_SECRET = re.compile(r"\?\S*|\beyJ[\w.-]+|\b(?:sig|sv|se|sp)=[^\s&]+")


class AzureMl:
    """Changes what is in a workspace, as the person of the session."""

    def __init__(self, session: Session) -> None:
        """Load the library, which takes a second or two, and ask nothing yet."""
        self._session = session
        _make_quiet()
        with _quiet():
            from azure.ai.ml import MLClient, load_component, load_compute, load_job

            self._load_component, self._load_compute, self._load_job = load_component, load_compute, load_job
            name = session.place.workspace
            self._client = MLClient(
                session.credential,
                name.subscription_id,
                name.resource_group,
                name.name,
                show_progress=False,
                enable_telemetry=False,
                polling_interval=at_tempo(POLL_SECONDS),
            )
        # It asks for the workspace's id once more, to name an entry of a cache that is switched off.
        self._client.components._client_key = f"workspace/{session.facts.workspace_id}"

    def register(self, components: Path, version: str) -> None:
        """Register the components in the folder `components` as `version`, with their code and environments.

        It is safe to repeat: each request says the same as before. The code goes up once, however many name it; and
        not at all when the workspace has the same code already.

        Raises:
            AzureError: when Azure refuses, or cannot be asked.
        """
        known: dict[str, str] = {}
        for name in COMPONENTS:
            component = _asked(f"read components/{name}.yml", lambda name=name: self._loaded(components, name))  # type: ignore[misc]
            component.version = version
            self._use_known(component, known)
            made = _asked(
                f"register the component {component.name}",
                lambda component=component: self._client.components.create_or_update(component),  # type: ignore[misc]
            )
            known |= {f"code {name}": made.code, f"environment {name}": made.environment}

    def begin_clusters(self, files: Iterable[Path]) -> dict[str, Any | AzureError]:
        """Ask for the cluster of each file; Azure makes them at the same time.

        One request follows the other: the SDK makes up its classes at their first use, and not for several threads.

        Returns:
            By the name of the cluster, what `wait_for_cluster` waits for, or why Azure refused.
        """
        clusters = [_asked(f"read {file.name}", lambda file=file: self._load_compute(file)) for file in files]  # type: ignore[misc]
        for cluster in clusters:
            # Else the SDK asks the workspace for its location, once for each cluster.
            cluster.location = cluster.location or self._session.facts.location

        def begin(cluster: Any) -> Any | AzureError:
            try:
                return _asked(
                    f"make the cluster {cluster.name}", lambda: self._client.compute.begin_create_or_update(cluster)
                )
            except AzureError as error:
                return error

        return {cluster.name: begin(cluster) for cluster in clusters}

    def submit(self, file: Path, name: str) -> str:
        """Submit the pipeline of `file` as the job `name`, and return where people look at it.

        The job has a name of ours: asked twice, Azure ML has one job.

        Raises:
            AzureError: when Azure refuses, or cannot be asked.
        """

        def submit() -> Any:
            job = self._load_job(file)
            job.name = name
            # `check_pipeline` has seen more; and the SDK would ask for the compute of each of hundreds of steps.
            with _one_schema():
                return self._client.jobs.create_or_update(job, skip_validation=True)

        job = _asked(f"submit the job {name}", submit)
        return str(job.studio_url or "")

    def _loaded(self, components: Path, name: str) -> Any:
        return self._load_component(components / f"{name}.yml")

    def _use_known(self, component: Any, known: dict[str, str]) -> None:
        """Name what is registered: the code is that of all, the environment of seed that of gate and teardown."""
        if "code seed" in known:
            component.code = known["code seed"]
        if component.name.endswith(("gate", "teardown")):
            component.environment = known["environment seed"]


def wait_for_cluster(name: str, poller: Any, look_seconds: float) -> None:
    """Wait until the cluster `name` is there.

    Args:
        name: of the cluster.
        poller: from `AzureMl.begin_clusters`.
        look_seconds: how long one look may wait: Ctrl-C is heard between two of them.

    Raises:
        AzureError: when it could not be provisioned.
    """

    def wait() -> None:
        while not poller.done():
            poller.wait(look_seconds)  # raises when the operation fails meanwhile, as `result` does
        poller.result()

    _asked(f"make the cluster {name}", wait)


def _asked(doing: str, request: Callable[[], T]) -> T:
    with _quiet():
        return _translated(doing, request)


def without_secrets(text: str) -> str:
    """Return what the SDK says without what may be a signature or a token, and not too long."""
    return _SECRET.sub("...", " ".join(text.split()))[:_MAX_SAID]


def _translated(doing: str, request: Callable[[], T]) -> T:
    from marshmallow import ValidationError

    from azure.ai.ml.exceptions import MlException

    try:
        return request()
    except sdk.ClientAuthenticationError as error:
        problem = no_token(f"could not {doing}", error, PERSON)
    except sdk.HttpResponseError as error:
        problem = _refused(doing, error)
    except (sdk.ServiceRequestError, sdk.ServiceResponseError) as error:
        problem = AzureError(f"could not {doing}: no answer: {type(error).__name__}", hint="see `hyperscale doctor`")
    except (MlException, ValidationError, sdk.AzureError) as error:
        problem = AzureError(f"could not {doing}: {without_secrets(str(error))}")
    # Outside of the block above: the SDK's error may hold what it sent, and a signed URL.
    raise problem


def _refused(doing: str, error: sdk.HttpResponseError) -> AzureError:
    said = getattr(error, "error", None)
    code = str(getattr(said, "code", None) or "")
    message = without_secrets(str(getattr(said, "message", None) or error.message or ""))
    status = int(getattr(error, "status_code", None) or 0)
    if status < 400:
        # The request was taken, and what was asked for did not come to be.
        return AzureError(f"could not {doing}: {': '.join(filter(None, (code, message)))}")
    return refusal(f"could not {doing}", status, code, message, PERSON)


@contextlib.contextmanager
def _one_schema() -> Iterator[None]:
    """Let all steps of a pipeline be written with one schema: the SDK builds one for each, four fifths of its time.

    What it sends is the same. A version of the SDK without this method is as slow as it is.
    """
    from azure.ai.ml.entities._builders.command import Command

    found = vars(Command).get(_BUILDS_SCHEMA)
    if not isinstance(found, classmethod):
        yield
        return
    kept: dict[str, Any] = {}

    def build(cls: type, context: Any) -> Any:
        key = f"{cls.__name__} {context!r}"
        if key not in kept:
            kept[key] = found.__func__(cls, context)
        return kept[key]

    setattr(Command, _BUILDS_SCHEMA, classmethod(build))
    try:
        yield
    finally:
        setattr(Command, _BUILDS_SCHEMA, found)


def _make_quiet() -> None:
    """Take the SDK's log lines from the terminal: without a handler, Python prints its warnings there."""
    logger = logging.getLogger("azure.ai.ml")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep from the terminal what the SDK prints: progress bars, and that classes of it are experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield

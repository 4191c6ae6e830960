"""How many threads the libraries of a worker start: the cores of its node, shared out among its workers.

Left alone, OpenMP and its kin start a thread for each core in every worker. They read these variables once, when they
are first imported: so a worker has them before its interpreter starts.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from hyperscale.cores import cores

#: Of how many cores a consumer is to make use, where several share a machine.
CORES = "HYPERSCALE_CORES"
_OMP = "OMP_NUM_THREADS"
#: Without one of their own, these take OMP_NUM_THREADS: who sets that means them as well.
_AS_OMP = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_OTHERS = ("NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def own_cores(environ: Mapping[str, str]) -> int:
    """Return how many cores the workers of this process may use together."""
    given = environ.get(CORES, "")
    return int(given) if given.isdecimal() and int(given) else cores()


def share_threads(node_cores: int, workers: int, given: Container[str]) -> dict[str, str]:
    """Return the variables of each of so many workers: cores / workers threads, at least 1.

    Args:
        node_cores: of the node.
        workers: that share it.
        given: variables that the user, or the image, has set: they stay.
    """
    threads = str(max(1, node_cores // workers))
    names = (*(() if _OMP in given else (_OMP, *_AS_OMP)), *_OTHERS)
    return {name: threads for name in names if name not in given}

"""Ray Jobs on a cluster's address (extra ``panosod[cluster]``): submit, follow, fetch files, end. No torch here.

Everything goes through the one address of the cluster's dashboard, ``http://HEAD:8265``, as ``ray job`` does it; this
machine need not be part of the cluster. What a job lays into a folder of its node's logs can be fetched from there.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shlex
import socket
import time
import urllib.parse
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from panosod_core.errors import TrainingError, install_extra

_CONNECT_S = 3.0
_PATIENCE_S = 300.0
"""How long a cluster that does not answer is waited for."""
_AGAIN_S = 5.0
_FETCH_S = 600
_NO_RAY = f"the engine ray needs Ray with its dashboard: {install_extra('cluster')}"
_OVERRIDING = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS")
"""Variables that Ray takes for the address, whatever one names."""


class ClusterLostError(TrainingError):
    """The cluster does not answer."""


class Cluster:
    """A cluster, by its address.

    Attributes:
        address: of the dashboard.
    """

    def __init__(self, address: str) -> None:
        """Connect.

        Args:
            address: "http://HOST:PORT".

        Raises:
            ClusterLostError: nobody answers there.
            TrainingError: Ray is not installed with its dashboard.
        """
        self.address = address
        self._client = self._connect()

    def _connect(self) -> Any:
        if importlib.util.find_spec("ray") is None:
            raise TrainingError(_NO_RAY)
        parts = urllib.parse.urlsplit(self.address)
        try:  # Ray itself would wait for minutes where a firewall swallows everything
            socket.create_connection((parts.hostname or "", parts.port or 80), timeout=_CONNECT_S).close()
        except OSError as error:
            raise ClusterLostError(f"expected a Ray cluster at {self.address}, got: {error}") from error
        try:
            from ray.job_submission import JobSubmissionClient

            with _no_other_address():
                return JobSubmissionClient(self.address)
        except (ImportError, RuntimeError) as error:
            if isinstance(error, ImportError) or "ray[default]" in str(error):
                raise TrainingError(_NO_RAY) from error
            raise ClusterLostError(f"expected a Ray cluster at {self.address}, got: {_first(error)}") from error
        except (ConnectionError, OSError) as error:
            raise ClusterLostError(f"expected a Ray cluster at {self.address}, got: {_first(error)}") from error

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        import requests

        try:
            yield
        except (requests.RequestException, RuntimeError, OSError) as error:
            raise ClusterLostError(f"the Ray cluster at {self.address}: {_first(error)}") from error

    def submit(
        self,
        words: Sequence[str],
        *,
        name: str,
        folder: Path | None = None,
        parts: Sequence[Path] = (),
        gpus: int = 0,
        node: str = "",
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Hand in a job.

        Args:
            words: of its command.
            name: of the job, new on the cluster.
            folder: shipped; the command runs in a copy of it.
            parts: more folders that are shipped; their copies are on the command's Python path.
            gpus: that it takes; without any it takes one processor.
            node: address of the node that it must run on; it takes nothing of it then.
            variables: of its environment.

        Raises:
            ClusterLostError: it was not taken.
        """
        env: dict[str, Any] = {"env_vars": dict(variables or {})}
        if folder is not None:
            env |= {"working_dir": str(folder), "py_modules": [str(part) for part in parts]}
        asked: dict[str, Any] = {"entrypoint_num_gpus": gpus} if gpus else {"entrypoint_num_cpus": 1}
        if node:
            asked = {"entrypoint_resources": {f"node:{node}": 0.001}}
        with self._speaking():
            self._client.submit_job(entrypoint=shlex.join(words), submission_id=name, runtime_env=env, **asked)

    def status(self, name: str) -> str:
        """PENDING, RUNNING, STOPPED, SUCCEEDED, FAILED; "" where no job has that name.

        Raises:
            ClusterLostError: the cluster does not answer.
        """
        with self._speaking():
            info = self._info(name)
            return "" if info is None else str(info.status.value)

    def message(self, name: str) -> str:
        """What the cluster says of a job, one line; "" where it says nothing."""
        with self._speaking():
            info = self._info(name)
            return "" if info is None else (info.message or "").strip().partition("\n")[0]

    def _info(self, name: str) -> Any:
        try:
            return self._client.get_job_info(name)
        except RuntimeError as error:
            if "404" in str(error):
                return None
            raise

    def stop(self, name: str, *, within_s: float) -> bool:
        """End a job: it is asked, and 3 s later Ray ends it. False where it has not ended in time.

        Raises:
            ClusterLostError: the cluster does not answer.
        """
        end_s = time.monotonic() + within_s
        if not self.is_alive(name):
            return True
        with self._speaking():
            self._client.stop_job(name)
        while self.is_alive(name):
            if time.monotonic() >= end_s:
                return False
            time.sleep(0.1)
        return True

    def is_alive(self, name: str) -> bool:
        """Whether a job waits or runs.

        Raises:
            ClusterLostError: the cluster does not answer.
        """
        return self.status(name) in ("PENDING", "RUNNING")

    def node_of(self, name: str) -> tuple[str, str]:
        """Id and address of the node that a job runs, or ran, on; "" where it has none yet.

        Raises:
            ClusterLostError: the cluster does not answer.
        """
        with self._speaking():
            info = self._info(name)
        if info is None or not info.driver_node_id:
            return "", ""
        return info.driver_node_id, urllib.parse.urlsplit(info.driver_agent_http_address or "").hostname or ""

    def has_gpu(self) -> bool:
        """Whether any node has one."""
        with self._speaking():
            found = self._client._do_request("GET", "/api/v0/nodes", params={"detail": "true"}).json()
            nodes = found["data"]["result"]["result"]
            return any(float((node.get("resources_total") or {}).get("GPU", 0)) >= 1 for node in nodes)

    def fetch(self, node: str, path: str, to: Path) -> bool:
        """Get a file of a node's logs; False where there is none.

        Ray's own function for it asks for an address inside the cluster; this is the request that it makes.

        Args:
            node: its id.
            path: below the folder of logs.
            to: written beside and renamed.

        Raises:
            ClusterLostError: the cluster does not answer.
            TrainingError: it cannot be written.
        """
        asked = {"node_id": node, "filename": path, "lines": "-1", "timeout": str(_FETCH_S)}
        with self._speaking():
            reply = self._client._do_request("GET", "/api/v0/logs/file", params=asked)
        if reply.status_code != 200:
            if "not found" in reply.text:
                return False
            raise ClusterLostError(f"the Ray cluster at {self.address}: {_first(reply.text)}")
        beside = to.with_name(f".{to.name}.part")
        try:
            with beside.open("wb") as file:
                file.write(reply.content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(to)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise TrainingError(f"{to}: cannot be written ({error.strerror})") from error
        return True

    def follow(self, name: str, hear: Callable[[str], None], *, skip: int) -> None:
        """Hand on what a job prints, until it has ended. A connection that breaks is made again.

        Args:
            name: of the job.
            hear: takes pieces of text.
            skip: characters at the beginning that were heard before.

        Raises:
            ClusterLostError: the cluster has not answered for minutes.
        """
        heard = skip
        lost_s: float | None = None
        while True:
            try:
                at = 0

                def take(text: str) -> None:
                    nonlocal at, heard, lost_s
                    lost_s = None
                    new = text[max(0, heard - at) :]
                    at += len(text)
                    if new:
                        heard += len(new)
                        hear(new)

                with self._speaking():
                    asyncio.run(_handed_on(self._client.tail_job_logs(name), take))
                if not self.is_alive(name):
                    return
            except ClusterLostError:
                now = time.monotonic()
                lost_s = now if lost_s is None else lost_s
                if now - lost_s > _PATIENCE_S:
                    raise
            time.sleep(_AGAIN_S if lost_s is not None else 0.2)


async def _handed_on(texts: AsyncIterator[str], take: Callable[[str], None]) -> None:
    import aiohttp

    try:
        async for text in texts:
            take(text)
    except aiohttp.ClientError as error:
        raise ConnectionError(_first(error)) from error


@contextmanager
def _no_other_address() -> Iterator[None]:
    before = {name: os.environ.pop(name) for name in _OVERRIDING if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(before)


def _first(what: object) -> str:
    return (str(what).strip().splitlines() or [type(what).__name__])[0]

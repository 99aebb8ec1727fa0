"""Jobs on a local Ray cluster: shipped, followed, fetched; workers and owners that die; stopped, cancelled."""

import fcntl
import importlib.util
import json
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from panosod_core.errors import ConfigError, TrainingError
from panosod_core.model.checkpoint import read_info, save_checkpoint
from panosod_core.model.network import build_network
from panosod_core.training import finetune_ray
from panosod_core.training.examples import EXAMPLES
from panosod_core.training.finetune import work_on
from panosod_core.training.finetune_plan import RunPlan
from panosod_core.training.finetune_ray import ClusterRun, ship
from panosod_core.training.finetune_ray_worker import MARK, unpack
from panosod_core.training.finetune_ray_worker import main as learn
from panosod_core.training.finetune_split import split_path
from panosod_core.training.jobs.cluster import Cluster
from panosod_core.training.jobs.cluster_end import PLACE, keep_place, place_of
from panosod_core.training.jobs.control import cancel, queue, resolve, stop
from panosod_core.training.jobs.folder import CANDIDATE, JobFolder
from panosod_core.training.jobs.request import FinetuneRequest
from panosod_core.training.jobs.start import start_detached
from panosod_core.training.jobs.states import JobState
from panosod_core.training.start import machine
from tests.core.training.corrected import MODEL, clip, corrected_project, request
from tests.core.training.jobs.workers import wait_for

S = JobState


_WAITS = """
import fcntl, os, sys
def hook(event, arguments):
    if event == "os.rename" and os.fspath(arguments[1]).endswith("state.safetensors"):
        with open({gate!r}) as gate:
            fcntl.flock(gate, fcntl.LOCK_SH)
if "panosod_core.training.finetune_ray_worker" in sys.orig_argv:
    sys.addaudithook(hook)
"""


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    """A file: who learns on the cluster saves its state only while nobody holds a lock on that."""
    folder = tmp_path_factory.mktemp("gate")
    (folder / "gate").touch()
    (folder / "sitecustomize.py").write_text(_WAITS.format(gate=str(folder / "gate")))
    return folder / "gate"


@pytest.fixture(scope="module")
def cluster(gate):
    """A cluster of one node on this machine: its dashboard's address, and where its logs lie."""
    ray = pytest.importorskip("ray")
    pytest.importorskip("aiohttp")
    with pytest.MonkeyPatch.context() as patch:
        # Jobs say `python`: on a cluster that is the one that Ray was started with.
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("PYTHONPATH", f"{gate.parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}".rstrip(os.pathsep))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_raylet_start_wait_time_s", "240")  # machines that run tests are shared
        patch.setenv("RAY_DASHBOARD_SUBPROCESS_MODULE_WAIT_READY_TIMEOUT", "240")
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("PYTHONWARNINGS", "ignore")
        context = ray.init(
            num_cpus=2, include_dashboard=True, dashboard_host="127.0.0.1", dashboard_port=0, log_to_driver=False,
            configure_logging=False, object_store_memory=80 << 20,
        )  # fmt: skip
        yield f"http://{context.dashboard_url}", Path(context.address_info["session_dir"]) / "logs"
        ray.shutdown()


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A job on 40 corrected frames of one clip."""
    folder = tmp_path_factory.mktemp("asked")
    save_checkpoint(folder / "m.safetensors", build_network(MODEL, seed=0))
    project = corrected_project(folder / "p.panosod", {clip(folder, 3): list(range(40))})

    def make(**changes):
        split_path(project).unlink(missing_ok=True)
        return request(project, folder / "m.safetensors", **changes)

    return make


def new_job(path, wanted) -> JobFolder:
    job = JobFolder.create(path, wanted)
    queue(path)
    return job


def log(job) -> str:
    return (job.path / "log.txt").read_text() + str(job.read().message)


def workers(job) -> list[int]:
    """Processes on the node that learn for a job."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0].endswith(b"python") and any(w.startswith(f"panosod-{job.read().id}-".encode()) for w in words):
                found.append(int(entry.name))
    return found


def told(job, kind, count=1):
    return lambda: sum(e["event"] == kind for e in job.events()[0]) >= count or not job.is_alive


def notes(job, word):
    return sum(e["event"] == "note" and word in e["text"] for e in job.events()[0])


def handed_over(job):
    return notes(job, "handed to the cluster")


def tensors(path: Path) -> bytes:
    data = path.read_bytes()
    return data[8 + int.from_bytes(data[:8], "little") :]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the workers by /proc")
def test_worker_and_owner_die_and_the_end_is_that_of_a_job_of_this_machine(tmp_path, cluster, gate, asked):
    address, logs = cluster
    wanted = {"steps": 60, "windows": 32, "epochs": 100, "mix": 0.0, "patience": 0}
    here = new_job(tmp_path / "here", asked(**wanted))
    work_on(here.path)
    job = new_job(tmp_path / "there", asked(**wanted, engine="ray", address=address))
    with gate.open() as held:  # else a run may come to its end before anyone has looked
        fcntl.flock(held, fcntl.LOCK_EX)
        start_detached(job.path)
        wait_for(told(job, "step"))
        (worker,) = workers(job)
        os.kill(worker, signal.SIGKILL)
        run = job.path / "runs" / "main"
        wait_for(lambda: (place_of(run) or {"name": ""})["name"].endswith("-1") or not job.is_alive)
        wait_for(lambda: handed_over(job) == 2 or not job.is_alive)  # told after its place is kept
        wait_for(lambda: workers(job) not in ([], [worker]) or not job.is_alive)
        owner = job.process
        owner.kill()
        wait_for(lambda: not job.is_alive)
        place = place_of(run)
        assert resolve(job.path).state is S.QUEUED and workers(job), "the run goes on there"
    start_detached(job.path)
    wait_for(lambda: not job.is_alive)
    assert job.read().state is S.EVALUATED, log(job)
    assert handed_over(job) == 2 and notes(job, "died") == 1
    assert place is not None and place["name"].endswith("-1"), "the second was taken up again, there was no third"
    assert tensors(job.path / CANDIDATE) == tensors(here.path / CANDIDATE)
    assert job.read().result["scores"] == here.read().result["scores"]
    wait_for(lambda: not list(logs.glob(f"panosod-{job.read().id}*")))
    assert not workers(job) and not (job.path / "runs" / "main" / PLACE).exists()


def test_stopped_it_keeps_the_best_and_cancelled_it_keeps_nothing(tmp_path, cluster, asked):
    endless = {"steps": 0, "epochs": 1000, "patience": 0, "engine": "ray", "address": cluster[0]}
    first = new_job(tmp_path / "first", asked(**endless))
    start_detached(first.path)
    wait_for(told(first, "check"))
    stop(first.path)
    wait_for(lambda: not first.is_alive)
    assert first.read().state is S.EVALUATED and (first.path / CANDIDATE).is_file(), log(first)
    states = [e["state"] for e in first.events()[0] if e["event"] == "state"]
    assert states[-3:] == ["stopping", "stopped", "evaluated"]
    assert (first.path / "runs" / "main" / EXAMPLES).is_file(), "its looks come home"
    assert read_info(first.path / CANDIDATE).provenance["machine"] == machine(torch.device("cpu"))

    second = new_job(tmp_path / "second", asked(**endless))
    start_detached(second.path)
    wait_for(told(second, "step"))
    place = json.loads((second.path / "runs" / "main" / PLACE).read_text())
    assert len(workers(second)) == 1 and Path(place["folder"]).is_dir()
    record = cancel(second.path)
    assert record.state is S.CANCELLED and "left_on_cluster" not in record.result
    assert not workers(second) and not (second.path / "runs").exists()
    wait_for(lambda: not Path(place["folder"]).exists())


def test_a_cluster_that_is_not_there_fails_the_job_with_a_line(tmp_path, asked):
    job = new_job(tmp_path / "job", asked(engine="ray", address="http://127.0.0.1:9"))
    with pytest.raises(TrainingError, match=r"expected a Ray cluster at http://127\.0\.0\.1:9"):
        work_on(job.path)
    assert job.read().state is S.FAILED and "http://127.0.0.1:9" in job.read().message


def test_what_a_node_lacks_is_told_in_its_words(tmp_path, asked, monkeypatch, capsys):
    """Data that lie on this machine alone: the side that learns says so, and the job's side fails with it."""
    wanted = asked(engine="ray", address=_Told.address, data=tmp_path / "elsewhere")
    job, session = new_job(tmp_path / "job", wanted), tmp_path / "session_1"
    (job.path / "incumbent.safetensors").write_bytes(wanted.model.read_bytes())
    ship(job.path, "main", tmp_path / "to")
    (session / "logs").mkdir(parents=True)
    (session / "at").mkdir()
    monkeypatch.chdir(session / "at")
    monkeypatch.syspath_prepend(str(tmp_path / "to"))
    assert learn(["n", "main", "0", "1", "1.0"]) == 1
    printed = capsys.readouterr().out
    monkeypatch.setattr(finetune_ray, "Cluster", _Told)
    monkeypatch.setattr(_Told, "printed", printed)
    run = ClusterRun(job, RunPlan("main", is_final=False), epochs=1, budget=1.0)
    with pytest.raises(TrainingError, match=r"on the cluster at http://h:1: .* does not have this data set"):
        run.watch(lambda event: None, ended_on_purpose=lambda: False)


def test_where_ray_is_absent_the_job_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(TrainingError, match=r"needs Ray .* extra `cluster`"):
        Cluster("http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("said", "first"), [(None, ""), ("", ""), ("\n", ""), ("\nkilled by signal 9\nno more", "killed by signal 9")]
)
def test_what_the_cluster_says_of_a_job_is_one_line_or_nothing(monkeypatch, said, first):
    pytest.importorskip("requests")
    client = SimpleNamespace(get_job_info=lambda name: SimpleNamespace(message=said))
    monkeypatch.setattr(Cluster, "_connect", lambda self: client)
    assert Cluster("http://h:1").message("job") == first


class _Told:
    """A cluster on which a job runs and prints."""

    address, printed = "http://h:1", ""

    def __init__(self, _address):
        pass

    def has_gpu(self):
        return False

    def submit(self, words, **how):
        pass

    def follow(self, name, hear, *, skip):
        hear(self.printed)

    def message(self, name):
        return ""

    def status(self, name):
        return "RUNNING"

    def node_of(self, name):
        return "node", "10.0.0.1"


def test_a_log_with_strange_bytes_and_torn_lines_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(finetune_ray, "Cluster", _Told)
    job = new_job(tmp_path / "job", FinetuneRequest(tmp_path / "p", engine="ray", address=_Told.address))
    run, heard = ClusterRun(job, RunPlan("main", is_final=False), epochs=1, budget=1.0), []
    out = job.path / "runs" / "main"
    out.mkdir(parents=True)
    keep_place(out, {"address": _Told.address, "name": "n"})
    kept = MARK.encode() + b'{"event": "laid_out", "best_epoch": 3}\n\xff\xc3\n'
    (out / "stream.txt").write_bytes(kept + b"cut in the \xc3")
    assert run._take_up() and run._skip == len(kept.decode(errors="replace")) and run._is_laid_out
    assert (out / "stream.txt").read_bytes() == kept
    run._heard(f'50%\r{MARK}{{"event": "step", "step": 1}}\n{MARK}{{"event"\n\udcff ä\n', heard.append)
    assert [e["step"] for e in heard] == [1]
    assert (job.path / "log.txt").read_bytes() == f'50%\r\n{MARK}{{"event"\n? ä\n'.encode()
    assert run._best_epoch == 3


def test_addresses():
    for wrong in ({"engine": "ray"}, {"engine": "ray", "address": "host:1"}, {"address": "http://h:1"}):
        with pytest.raises(ConfigError, match="address"):
            FinetuneRequest(Path("p"), **wrong)


@pytest.mark.parametrize("piece", [1000, 1 << 20])
def test_what_is_shipped_arrives_whole(tmp_path, monkeypatch, piece):
    monkeypatch.setattr(finetune_ray, "_PIECE_BYTES", piece)
    job = tmp_path / "job"
    (job / "data" / "main" / "a").mkdir(parents=True)
    for name, size in (("job.json", 30), ("incumbent.safetensors", 5000), ("data/main/a/x.png", 12_345)):
        (job / name).write_bytes(os.urandom(size))
    code, parts = ship(job, "main", tmp_path / "to")
    assert (code / "panosod_core" / "training" / "finetune_ray_worker.py").is_file()
    assert not list(code.rglob("__pycache__")) and len(parts) > (1 if piece == 1000 else 0)
    unpack([tmp_path / "nothing", tmp_path / "to"], tmp_path / "there")
    for name in ("job.json", "incumbent.safetensors", "data/main/a/x.png"):
        assert (tmp_path / "there" / name).read_bytes() == (job / name).read_bytes()

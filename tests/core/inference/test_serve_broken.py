"""The predictor process: how it tells why it ends."""

import pytest

from panosod_core.errors import CacheError, PredictionError
from panosod_core.inference import serve
from panosod_core.inference.background_export import BackgroundExport
from panosod_core.inference.messages import Broken, Setup
from panosod_core.inference.serve import Inbox
from panosod_core.resources import demo_model_path


def run_broken(monkeypatch, error):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(serve, "open_engine", refuse)
    said = []
    code = serve._serve(
        Setup(str(demo_model_path()), exports=False), Inbox(), said.append, export=BackgroundExport(), began_s=0.0
    )
    assert code == serve.EXIT_BROKEN
    return said[-1]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried to"),
        RuntimeError("unable to mmap 12165152 bytes from file <m.safetensors>: Cannot allocate memory (12)"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    ],
)
def test_memory_that_is_not_enough_is_told(monkeypatch, error):
    assert run_broken(monkeypatch, error) == Broken("memory", serve.NO_MEMORY)


def test_a_mistake_of_ours_is_not_taken_for_a_want_of_memory(monkeypatch):
    with pytest.raises(RuntimeError, match="shapes"):
        run_broken(monkeypatch, RuntimeError("shapes do not fit"))


def test_a_network_that_fails_is_told(monkeypatch):
    assert run_broken(monkeypatch, PredictionError("the network stopped")) == Broken("work", "the network stopped")
    full = CacheError("no room left for predictions on this disk")
    assert run_broken(monkeypatch, full) == Broken("cache", "no room left for predictions on this disk")
    ran_out = PredictionError("the network ran out of memory on cuda")
    assert run_broken(monkeypatch, ran_out) == Broken("memory", "the network ran out of memory on cuda")

"""Tests of the network run on one thread, since the machines that run them are shared, and from one seed."""

import importlib.util

import pytest


@pytest.fixture(autouse=True)
def one_thread_one_seed():
    if importlib.util.find_spec("torch") is not None:
        import torch

        torch.set_num_threads(1)
        torch.manual_seed(0)

"""Tests of the network run on one thread, since the machines that run them are shared, and from one seed."""

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread_one_seed():
    torch.set_num_threads(1)
    torch.manual_seed(0)

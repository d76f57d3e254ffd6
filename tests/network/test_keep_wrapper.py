import gc
import subprocess
import sys
import threading

import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.network.running import seam
from phosphene.network.running.seam import keep_wrapper

PLAIN_CALL = nn.Module.__call__


@pytest.fixture
def network():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    return ph.Network(module.eval(), ph.Preprocessing((16, 16)))


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    gc.collect()
    assert nn.Module.__call__ is PLAIN_CALL


def test_what_the_first_run_sets_up_stands_until_the_block_ends(network):
    x = torch.rand(1, 3, 16, 16)
    with keep_wrapper():
        assert nn.Module.__call__ is PLAIN_CALL
        first = network.record(x, "0")["0"]
        assert nn.Module.__call__ is seam._called
        with keep_wrapper():
            assert torch.equal(network.record(x, "0")["0"], first)
        assert nn.Module.__call__ is seam._called
    assert nn.Module.__call__ is PLAIN_CALL


def test_an_error_inside_the_block_lets_go(network):
    with pytest.raises(LookupError, match="nowhere"), keep_wrapper():
        network.record(torch.rand(1, 3, 16, 16), "nowhere")


def test_steps_that_are_dropped_half_way_let_go(network):
    steps = ph.synthesize.steps(network, "logits:0", steps=5, size=16)
    next(steps)
    assert nn.Module.__call__ is seam._called
    circle = [steps]
    circle.append(circle)  # only the collector of cycles finds it
    del steps, circle
    gc.collect()
    assert nn.Module.__call__ is PLAIN_CALL


def test_who_wraps_the_call_meanwhile_is_called_once_and_runs_go_on(network):
    x, met = torch.rand(1, 3, 16, 16), []
    with keep_wrapper():
        before = network.record(x, "0")["0"]
        ours = nn.Module.__call__

        def theirs(module, *args, **kwargs):
            met.append(type(module).__name__)
            return ours(module, *args, **kwargs)

        nn.Module.__call__ = theirs
        assert torch.equal(network.record(x, "0")["0"], before)
        assert met == ["Sequential", "Conv2d"]
        nn.Module.__call__ = ours
    assert nn.Module.__call__ is PLAIN_CALL


def test_who_puts_the_plain_call_back_meanwhile_does_not_blind_later_runs(network):
    x = torch.rand(1, 3, 16, 16)
    with keep_wrapper():
        before = network.record(x, "0")["0"]
        nn.Module.__call__ = PLAIN_CALL
        assert torch.equal(network.record(x, "0")["0"], before)


def test_several_threads_hold_and_let_go(network):
    x, found = torch.rand(1, 3, 16, 16), []

    def work():
        for _ in range(20):
            with keep_wrapper():
                found.append(network.record(x, "0", "logits")["logits"])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80
    assert all(torch.equal(each, found[0]) for each in found)


def test_letting_go_in_the_middle_of_letting_go_does_not_hang(network):
    met = []

    def nested(phase, info):
        if phase == "start":
            with keep_wrapper():
                met.append(nn.Module.__call__)

    gc.callbacks.append(nested)
    try:
        with keep_wrapper():
            network.record(torch.rand(1, 3, 16, 16), "0")
            with seam._wrapper.lock:
                met.clear()
                gc.collect()
            assert met == [seam._called]  # and the outer block holds on
            assert nn.Module.__call__ is seam._called
    finally:
        gc.callbacks.remove(nested)


def test_steps_that_live_to_the_end_of_the_interpreter_say_nothing():
    script = (
        "import phosphene as ph; from torch import nn\n"
        "net = ph.Network(nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval())\n"
        "steps = ph.synthesize.steps(net, 'logits:0', steps=3, size=16); next(steps)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "Exception ignored" not in done.stderr


def test_a_module_inside_of_a_leaf_is_still_not_seen():
    attention = nn.MultiheadAttention(8, 2, batch_first=True)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention, self.last = attention, nn.Linear(8, 2)

        def forward(self, x):
            tokens = x.flatten(2).transpose(1, 2)[..., :1].expand(-1, -1, 8)
            return self.last(self.attention(tokens, tokens, tokens)[0].mean(1))

    network = ph.Network(Net().eval(), ph.Preprocessing((4, 4)))
    x = torch.rand(1, 3, 4, 4)
    with pytest.raises(LookupError, match="out_proj"):
        network.record(x, "attention.out_proj")
    both = network.record(x, "attention", "last")
    assert both["last"].shape == (1, 2)


def test_a_module_below_a_compiled_one_is_seen(network):
    class Compiled(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self._orig_mod = inner

        def forward(self, x):
            raise AssertionError("what is compiled is not run where it is looked into")

    x = torch.rand(1, 3, 16, 16)
    wanted = network.record(x, "0", "4")
    wrapped = nn.Sequential(Compiled(nn.Sequential(network.module[0], network.module[1])), *network.module[2:])
    found = ph.Network(wrapped, ph.Preprocessing((16, 16))).record(x, "0.0", "3")
    assert torch.equal(found["0.0"], wanted["0"])
    assert torch.equal(found["3"], wanted["4"])

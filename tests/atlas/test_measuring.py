import pytest
import torch

from phosphene.atlas.sweep import measuring
from phosphene.atlas.sweep.measuring import measured
from phosphene.atlas.sweep.summary import _drawn


def test_both_ways_of_reading_find_the_same(monkeypatch):
    """Among maps with equal largest values, zeros of both signs, infinities and what is not a number."""
    pytest.importorskip("numba")
    generator = torch.Generator().manual_seed(5)
    for places in (1, 3, 49, 196, 2048, 5000):
        maps = (torch.randn(4, 7, places, generator=generator) * 3).round()
        maps[0, 0] = -0.0
        maps[1, 0, 0], maps[1, 0, 1:] = -0.0, 0.0
        maps[2, 1, -1] = torch.nan
        maps[2, 2, 0] = -torch.nan
        maps[3, 3, places // 2] = torch.inf
        maps[3, 4, places // 2] = -torch.inf
        maps[:, 5] = 1e36  # their sum is beyond 32 bits
        drawn = _drawn(places, (0, 1, 9, 1 << 24))
        for ties in (False, True):
            given = (maps, drawn, torch.tensor([0.0, 2.0, 0.0, 0.0, 3.0, 1e36, -torch.inf]), ties)
            once = measured(*given)
            with monkeypatch.context() as patch:
                patch.setattr(measuring, "_loop", lambda: None)
                separately = measured(*given)
            finite = maps.isfinite().all(2)
            assert once.finite == separately.finite == finite.all(1).tolist()
            usable = finite.all(0)
            assert torch.equal(once.active[usable], separately.active[usable])
            torch.testing.assert_close(once.total[usable], separately.total[usable], rtol=1e-5, atol=1e-2)
            torch.testing.assert_close(once.sampled, separately.sampled, rtol=0, atol=0, equal_nan=True)
            assert separately.place is None  # looked for where it is needed
            there = finite[once.image, once.channel]
            first = torch.from_numpy(maps[once.image, once.channel].numpy().argmax(1))
            assert torch.equal(once.place[there], first[there])
            for name in ("image", "channel", "peak"):
                one, other = (getattr(own, name)[finite[own.image, own.channel]] for own in (once, separately))
                assert torch.equal(one, other)


def test_several_threads_read_the_same_as_one(monkeypatch):
    pytest.importorskip("numba")
    monkeypatch.setattr(measuring, "FEWEST", 10)
    maps = torch.randn(3, 7, 50, generator=torch.Generator().manual_seed(6))
    given = (maps, _drawn(50, (0, 1, 2)), torch.linspace(-1, 3, 7), False)
    found = {}
    for threads in (1, 2, 5, 20):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        own = measured(*given)
        order = (own.image * 7 + own.channel).argsort()
        found[threads] = (own.total, own.active, own.sampled, *(
            part[order] for part in (own.image, own.channel, own.place, own.peak)
        ))  # fmt: skip
        assert len(found[threads][3])
        assert own.finite == [True] * 3
    for threads in (2, 5, 20):
        assert all(map(torch.equal, found[1], found[threads]))

"""The training network computes what the exported one does; needs the extra `pebble` and a C compiler."""

from __future__ import annotations

import shutil

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("tokenizers")
if not shutil.which("cc"):
    pytest.skip("no C compiler", allow_module_level=True)


def test_the_bfloat16_network_has_the_gradients_of_the_reference() -> None:
    from torch.nn import functional

    from pebble import data
    from pebble.model import Pebble, Shape
    from pebble.tokenizer import vocabulary
    from pebble.train import Twin

    torch.manual_seed(0)
    net = Pebble(Shape(len(vocabulary()[0]), layers=2))
    for weight in net.parameters():
        weight.data += 0.02 * torch.randn_like(weight)
    part = next(data.batches(1))
    loss = Twin(net).losses([part])
    fast = [weight.grad.clone() for weight in net.parameters()]
    net.zero_grad()
    keep = torch.from_numpy(part.weights > 0)
    plain = functional.cross_entropy(
        net(torch.from_numpy(part.ids))[keep], torch.from_numpy(part.targets)[keep]
    )
    plain.backward()
    assert loss == pytest.approx(plain.item(), rel=0.01)
    for weight, grad in zip(net.parameters(), fast, strict=True):
        assert (weight.grad - grad).norm() < 0.05 * weight.grad.norm()

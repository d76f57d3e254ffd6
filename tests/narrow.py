"""torchvision's VGG and AlexNet with a narrow classifier: all of their layers, without its 100 million weights.

Drawing those, and running them in double precision, took most of the time of the tests that use these networks.
"""

from collections.abc import Callable

import torch
import torchvision.models as tv
from torch import nn

WIDTH = 32


def narrow(make: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    def made() -> nn.Module:
        with torch.device("meta"):
            module = make()
            first = next(part for part in module.classifier if isinstance(part, nn.Linear))
            sizes = iter([(first.in_features, WIDTH), (WIDTH, WIDTH), (WIDTH, 1000)])
            for index, part in enumerate(module.classifier):
                if isinstance(part, nn.Linear):
                    module.classifier[index] = nn.Linear(*next(sizes))
        module.to_empty(device="cpu")
        for part in module.modules():
            if hasattr(part, "reset_parameters"):
                part.reset_parameters()
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
        return module

    return made


alexnet, vgg11, vgg11_bn = (narrow(make) for make in (tv.alexnet, tv.vgg11, tv.vgg11_bn))

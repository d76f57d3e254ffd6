"""Input × gradient: what each pixel adds to a value, to first order from an input of zeros (A. Shrikumar et al., 2016).

    a_i = x_i · ∂f/∂x_i

The sum over all pixels is f(x) − f(0) for a network that is linear between the two, and f(x) itself for one of
convolutions, ReLUs and max pooling without biases. Zero is zero of the network's *input*: where the preprocessing takes
off a mean colour, it is that colour and not black.
"""

from __future__ import annotations

from ...instrument import instrument
from ...instrument.roles import Images, Target
from ...network import Network
from ..maps.attribution import photo_fields
from ..maps.signal import Signal
from ..reversed.reversing import Reversal, signals


@instrument
def input_x_gradient(network: Network, images: Images, target: Target = None) -> Signal:
    """The input times the gradient: how much each pixel adds to a value, to first order, from a baseline of zeros.

    The baseline is zero in the network's input; this is the mean colour if the preprocessing subtracts one. Raises
    LookupError for a target that does not exist, ValueError for images that the network can't take.

    - `target`: a class or unit, such as 'logits:goose', 'blocks.3:17' (its largest activation) or 'blocks.3:17@5,6'; if
      not given, each image's best class
    """
    x = network.inputs(images).detach()
    values, scores, names = signals(network, x, target, Reversal())
    return Signal(
        method="input × gradient", targets=names, values=x * values, scores=scores, shares=True,
        **photo_fields(network, images),
    )  # fmt: skip

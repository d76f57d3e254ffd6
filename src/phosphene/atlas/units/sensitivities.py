"""Whether a unit answers to colour or to form, over the patches that the atlas holds of it.

Each patch's photo is opened again, changed, and shown to the network; the unit is asked at the place that the atlas
holds. The rest is `attribution.sensitivities`.
"""

from __future__ import annotations

from ...attribution.sensitivities.asking import Place, Where, check_where, place_on, seen
from ...attribution.sensitivities.sensitivities import Sensitivities, sensitivities_of
from ...instrument import instrument
from ...instrument.roles import AtlasLike, UnitName
from ...network import Address, Network
from ...picture import compact
from ..opened import opened
from ..store.sweep_rows import count_of, units_of
from .patch import Patch, patches_of
from .unit import unit_of

CHANGED = 1e-2  # of the largest value: a photo whose response differs by more is another one now


@instrument
def atlas_sensitivities(
    atlas: AtlasLike,
    unit: UnitName,
    k: int | None = None,
    *,
    where: Where = "place",
    seed: int = 0,
    sweep: str | None = None,
) -> Sensitivities:
    """Whether a unit answers to colour or to form: its response to its patches when they are grey, blurred or shuffled.

    Each relative to the response to the photo as it is; of several patches of one photo the strongest counts. Photos
    that are not there any more, or have changed, are left out and named. Raises LookupError for a layer whose units the
    atlas does not hold or a channel that it does not have, ValueError where no photo is left or none makes the unit
    answer above 0.

    - `unit`: which unit: a layer's channel such as 'layer3:17'
    - `k`: how many patches; all that the atlas holds if not given
    - `where`: asked at the patch's place (place), or the largest of all places whose windows' middles lie in what the
      unit sees there (window): what moves within the window then counts as kept
    - `seed`: which blocks go where, and which photos are drawn anew for the intervals
    - `sweep`: which sweep, where several networks have a layer of that name
    """
    if k is not None and k < 1:
        raise ValueError(f"at least one patch is asked for, not {k}")
    check_where(where)
    atlas = opened(atlas)
    swept, target = unit_of(atlas, unit, sweep)
    network = atlas.network(swept)
    row = units_of(atlas.store, swept, target.layer).slice(int(target.channel or 0), 1)
    (patches,) = patches_of(atlas, swept, target.layer, row.to_pylist(), k)
    first: dict[int, Patch] = {}
    for patch in patches:
        first.setdefault(patch.number, patch)
    images = count_of(atlas.store, swept)
    if not first:
        raise ValueError(f"the atlas {atlas.path!r} has found no image that {target} answers to")
    missing: list[str] = []
    places: list[Place] = []
    for patch in first.values():
        try:
            places.append(_place(network, patch, target, where))
        except (OSError, LookupError, ValueError) as error:
            missing.append(str(error))
    if not places:
        raise ValueError(f"none of the {len(missing)} photos can be asked again; the first: {missing[0]}")
    places.sort(key=lambda place: -place.value)
    return sensitivities_of(
        network, target, places, looked_at=images, where=where, seed=seed, unreadable=tuple(missing)
    )


def _place(network: Network, patch: Patch, unit: Address, where: Where) -> Place:
    """The patch's place in its photo. ValueError where the unit answers another value there than when it was swept."""
    x = network.inputs(patch.photo())
    layered = network.layer(unit.layer, (int(x.shape[-2]), int(x.shape[-1]))).layout is not None
    image, _ = seen(network, x)
    place = place_on(network, image, patch.image, unit, where, (patch.row, patch.column) if layered else None)
    if abs(place.value - patch.value) > CHANGED * max(abs(patch.value), 1e-6):
        raise ValueError(
            f"{patch.image}: {unit} is {compact(place.value)} there now, not {compact(patch.value)} as when the atlas "
            "was built: it is another picture"
        )
    return place

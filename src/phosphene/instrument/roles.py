"""What a parameter of an instrument is for, said by its type.

A face (the command line, the page, a report) asks for a parameter by its role: a photo is chosen, a layer is picked
from the network's own, a network is opened. Each type below is what Python callers may give, with its role beside it:

    def occlusion(network: Network, images: Images, target: Target = None, *, window: int = 32) -> Occlusion: ...

A parameter without a role is an option; its type says how it is written (`kinds`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from torch import Tensor

from ..network import Network
from ..picture import Photo
from .fields import Role
from .kinds import Kind

PhotoFile = str | os.PathLike[str] | Photo

Networks = Annotated[Sequence[Network], Role.NETWORKS]
Images = Annotated[Photo | Sequence[Photo] | Tensor, Role.IMAGES]
OnePhoto = Annotated[Photo, Role.PHOTO]
ImageSet = Annotated[Tensor | PhotoFile | Sequence[PhotoFile], Role.IMAGE_SET]
ImageSource = Annotated[Any, Role.SOURCE]  # what `data.sources` opens, or a tensor
Photos = Annotated[Tensor | PhotoFile | Sequence[PhotoFile], Role.PHOTOS]
PhotoFiles = Annotated[PhotoFile | Sequence[PhotoFile], Role.PHOTOS]
AtlasImages = Annotated[PhotoFile | int | Sequence[PhotoFile | int], Role.QUERY]
Folder = Annotated[str | os.PathLike[str], Role.FOLDER]
Folders = Annotated[str | os.PathLike[str] | Sequence[str | os.PathLike[str]], Role.FOLDERS]
DataFile = Annotated[str | os.PathLike[str] | Mapping[str, Any], Role.FILE]  # or what is in it
AtlasLike = Annotated[str | os.PathLike[str], Role.ATLAS]  # an opened atlas has a path, too
LayerName = Annotated[str, Role.LAYER]
LayerNames = Annotated[str | Sequence[str], Role.LAYERS]
Target = Annotated[str | Sequence[str] | None, Role.TARGET]
UnitName = Annotated[str, Role.UNIT]
UnitNames = Annotated[str | Sequence[str], Role.TARGET]
ClassName = Annotated[str | int, Role.LABEL]
ClassNames = Annotated[str | int | Sequence[str | int], Role.LABELS]
Cluster = Annotated[str, Role.RUN, Kind(str, "ADDRESS")]  # of Ray
CheckpointFolder = Annotated[str | os.PathLike[str], Role.RUN, Kind(str, "FOLDER")]
MethodName = Annotated[str, Role.METHOD]
MethodNames = Annotated[str | Sequence[str], Role.METHODS]


def role_of(hint: Any) -> Role:
    """The role that a parameter's type says, also where None may be given; `Role.OPTION` where it says none."""
    if hint is Network:
        return Role.NETWORK
    if hint is Photo:
        return Role.PHOTO
    if get_origin(hint) is Annotated:
        stated = next((part for part in get_args(hint)[1:] if isinstance(part, Role)), None)
        return stated or role_of(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        roles = {role for part in get_args(hint) if (role := role_of(part)) is not Role.OPTION}
        return roles.pop() if len(roles) == 1 else Role.OPTION
    return Role.OPTION

"""The learned systems by name, each imported when it is asked for."""

from __future__ import annotations

from dataclasses import fields
from importlib import import_module
from typing import Any

from ..network import near
from .system import System

SYSTEMS = {  # name -> the file below systems/ and the class in it
    "kde": "density.kde:KDE",
    "ppca": "density.ppca:PPCA",
    "density-network": "density.density_network:DensityNetwork",
    "vae": "density.vae:VAE",
    "autoencoder": "codes.autoencoder:Autoencoder",
    "denoising-autoencoder": "codes.autoencoder:DenoisingAutoencoder",
    "gan": "adversarial.gan:GAN",
    "dcgan": "adversarial.dcgan:DCGAN",
    "cgan": "adversarial.cgan:CGAN",
    "drlim": "metric.drlim:DrLIM",
    "triplet": "metric.triplet:Triplet",
    "lifted": "metric.lifted:Lifted",
    "n-pair": "metric.n_pair:NPair",
    "softmax": "metric.softmax:Softmax",
}
WRITTEN = {"transfer": "transfer.system:Transfer"}  # systems that other commands than 'learn' write, below learning/


def system_class(name: str) -> type[System]:
    """The class of a system. LookupError, with near names, for one that is not there."""
    key = name.replace("_", "-")
    if key in WRITTEN:
        file, _, attribute = WRITTEN[key].partition(":")
        return getattr(import_module(f"phosphene.learning.{file}"), attribute)
    if key not in SYSTEMS:
        raise LookupError(
            f"there is no system {name!r}{near(key, list(SYSTEMS)) or '; there are ' + ', '.join(SYSTEMS)}"
        )
    file, _, attribute = SYSTEMS[key].partition(":")
    return getattr(import_module(f"phosphene.learning.systems.{file}"), attribute)


def make(name: str, **settings: Any) -> System:
    """A system that has learned nothing yet, with these settings; `phosphene learn list` names them.

    TypeError for a setting that the system does not have.
    """
    kind = system_class(name)
    names = [field.name for field in fields(kind.settings)]
    if wrong := [each for each in settings if each not in names]:
        known = [each for each in names if each != "shape"]
        what = f"its settings are {', '.join(known)}" if known else "it has none"
        raise TypeError(f"{kind.name} has no setting {wrong[0]!r}{near(wrong[0], known) or '; ' + what}")
    if settings.get("shape") is not None:
        settings["shape"] = tuple(settings["shape"])
    return kind(kind.settings(**settings))

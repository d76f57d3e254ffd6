"""Networks from a folder with a `config.json`: what transformers' `save_pretrained` writes, or timm's for the Hub.

Weights are read from .safetensors only. The configuration names a class of transformers, and its own code, if the
folder brings any, is never run.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from ..describing.of_timm import timm_labels
from ..describing.of_transformers import transformers_described
from ..labels import Labels
from ..preprocessing import Preprocessing
from .source import Source, first_line, near, undisturbed

CONFIG = "config.json"


def looks_like_folder(spec: str) -> bool:
    """Whether a spec names a folder that is there."""
    return Path(spec).is_dir()


def open_folder(spec: str, *, seed: int = 0, named: str | None = None) -> Source:
    """The network in a folder; `named` is the spec to give it if that is not the folder's path.

    Raises ValueError for a folder that holds no network, or one whose weights are not complete, and LookupError where
    a library is missing.
    """
    folder = Path(spec)
    config = read_config(folder / CONFIG)
    if is_transformers(config):
        return _open_transformers(folder, config, seed, named or spec)
    if "architecture" in config:
        with undisturbed(seed):
            module = _from_timm(folder)
        return Source(
            module.eval(), Preprocessing.from_timm(module), timm_labels(module), named or spec, (f"weights {spec}",)
        )
    raise ValueError(
        f"{folder / CONFIG} names neither a model of transformers nor one of timm; a network's folder is what "
        "save_pretrained writes"
    )


def read_config(path: Path) -> dict[str, Any]:
    """A folder's `config.json`. Raises ValueError where there is none to read."""
    if not path.is_file():
        raise ValueError(
            f"{path.parent} is a folder without {CONFIG}; a network's folder is what save_pretrained writes, a weights "
            "file opens with architecture="
        )
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} can't be read ({first_line(error)})") from error
    return config if isinstance(config, dict) else {}


def is_transformers(config: dict[str, Any]) -> bool:
    """Whether a configuration is of transformers: it names the kind of model and a class for it."""
    return "model_type" in config and bool(config.get("architectures"))


def _from_timm(folder: Path) -> nn.Module:
    import timm

    try:
        return timm.create_model(f"local-dir:{folder}", pretrained=True)
    except (AssertionError, KeyError, RuntimeError, OSError) as error:
        raise ValueError(f"{folder} is not a network that timm can build ({first_line(error)})") from error


def _open_transformers(folder: Path, config: dict[str, Any], seed: int, spec: str) -> Source:
    kind = _class(folder, config)
    if not any(folder.glob("*.safetensors")):
        pickles = sorted(path.name for path in folder.glob("*.bin"))
        weights_there = f"only {', '.join(pickles)}, whose pickles are never opened" if pickles else "no weights"
        raise ValueError(
            f"{folder} holds {weights_there}; save the model again by save_pretrained, which writes .safetensors"
        )
    try:
        with undisturbed(seed), _quiet():
            module, report = kind.from_pretrained(
                folder, use_safetensors=True, local_files_only=True, output_loading_info=True
            )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, ImportError) as error:
        raise ValueError(f"{folder} can't be opened as {kind.__name__} ({first_line(error)})") from error
    lacking = sorted({*report["missing_keys"], *(_key(key) for key in report["mismatched_keys"])})
    if lacking:
        examples = ", ".join(lacking[:3]) + (", ..." if len(lacking) > 3 else "")
        raise ValueError(
            f"{folder} lacks {len(lacking)} of the weights of {kind.__name__} ({examples}), so it would be guessing"
        )
    described = transformers_described(module)
    assert described is not None
    way = described.preprocessing or Preprocessing.plain()
    notes = (f"weights {folder} in {kind.__name__}", *described.notes)
    return Source(module.float().eval(), way, described.labels or Labels(), spec, notes)


def _key(key: Any) -> str:
    return str(key[0] if isinstance(key, (tuple, list)) else key)


def _class(folder: Path, config: dict[str, Any]) -> Any:
    """The class that the configuration names, of transformers alone, which takes images and nothing else."""
    try:
        import transformers
    except ImportError as error:
        raise LookupError(
            f"{folder} is a model of transformers, which is not installed; pip install 'phosphene[transformers]'"
        ) from error
    name = str(config["architectures"][0])
    kind = getattr(transformers, name, None)
    if not (isinstance(kind, type) and issubclass(kind, transformers.PreTrainedModel)):
        note = "; code that comes with a model is never run" if "auto_map" in config else ""
        class_names = [each for each in dir(transformers) if each.endswith("ForImageClassification")]
        raise LookupError(
            f"{folder} names the class {name}, which this transformers does not have{near(name, class_names)}{note}"
        )
    if kind.main_input_name != "pixel_values":
        raise ValueError(
            f"{folder} is a {name}, which takes {kind.main_input_name}, not images alone; open its image part in "
            "Python and give it to phosphene.Network"
        )
    return kind


@contextmanager
def _quiet() -> Iterator[None]:
    """transformers shows no progress bars and no reports inside the block."""
    from transformers.utils import logging

    bars, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()

"""Networks of timm: `timm:NAME`, `timm:NAME.TAG`, `timm:NAME@none`; and `hf-hub:OWNER/NAME`, of timm or transformers.

Preprocessing is that of the weights' own `pretrained_cfg`. Class names: those in the configuration, else ImageNet's
(1k, 12k, 21k, ...) as timm knows them, else numbers. timm opens weights as safetensors or with `weights_only=True`.
"""

from pathlib import Path
from typing import Any

from torch import nn

from ..describing.of_timm import timm_labels
from ..preprocessing import Preprocessing
from .download import hub_file, missing, reachable
from .from_folder import CONFIG, is_transformers, open_folder, read_config
from .source import Blueprint, Source, first_line, near, undisturbed

_FILES = ("model.safetensors", "open_clip_model.safetensors", "pytorch_model.bin", "open_clip_pytorch_model.bin")


def open_timm(name: str, weights: str | None, *, seed: int = 0, classes: int | None = None) -> Source:
    """A timm network; `weights` None means those of its tag, 'none' random ones from `seed`."""
    checked_name(name)
    spec = f"timm:{name}"
    if (weights or "").lower() == "none":
        plan = blueprint(name)
        with undisturbed(seed):
            module = plan.build(classes)
        note = f"random weights, seed {seed}"
        return Source(module.eval(), plan.preprocessing(module), timm_labels(module), f"{spec}@none", (note, plan.note))
    if weights is not None:
        tagged = ", ".join(f"timm:{tag}" for tag in _tagged(name.partition(".")[0])) or "none"
        raise LookupError(
            f"timm's weights are part of the name: {tagged}; '@{weights}' is not known, '@none' is random"
        )
    if classes is not None:
        known = f"{spec}@none, or a weights file with architecture='{spec}'"
        raise ValueError(f"classes={classes} is for networks without ready-made weights: {known}")
    cfg = _cfg(name)
    if cfg is None or not cfg.has_weights:
        tags = ", ".join(f"timm:{tag}" for tag in _tagged(name.partition(".")[0]))
        others = f"weights are at {tags}; " if tags else ""
        raise LookupError(f"timm has no weights for {name}; {others}'{spec}@none' has random ones")
    with undisturbed(seed):
        module = _with_weights(name, cfg, spec)
    spec = f"timm:{cfg.architecture}.{cfg.tag}" if cfg.architecture and cfg.tag else spec
    note = f"weights {cfg.hf_hub_id or cfg.url}"
    return Source(module.eval(), Preprocessing.from_timm(module), timm_labels(module), spec, (note,))


def blueprint(name: str) -> Blueprint:
    """The architecture, to be built with random weights for any number of classes."""
    import timm

    checked_name(name)

    def build(classes: int | None) -> nn.Module:
        return timm.create_model(name, pretrained=False, num_classes=classes)

    return Blueprint(f"timm:{name}", build, Preprocessing.from_timm, f"preprocessing as for timm's {name}")


def open_hub(spec: str, *, seed: int = 0) -> Source:
    """A network on the Hugging Face Hub, of timm or of transformers, e.g. 'hf-hub:timm/resnet50.a1_in1k'."""
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, RepositoryNotFoundError

    address = spec.removeprefix("hf-hub:")
    repo, _, revision = address.partition("@")
    folder = _snapshot(repo, revision or None)
    try:
        return _from_hub(spec, repo, revision or None, folder, seed)
    except RepositoryNotFoundError as error:
        raise LookupError(f"the Hugging Face Hub has no model {repo!r}, or it is private") from error
    except (EntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise missing(repo, _cache(), first_line(error), "timm:NAME") from error
    except (KeyError, RuntimeError) as error:
        raise ValueError(f"{spec} is not a network that timm can build ({first_line(error)})") from error


def _from_hub(spec: str, repo: str, revision: str | None, folder: Path | None, seed: int) -> Source:
    """The network, from the local cache where it is there, else from the Hub."""
    import timm
    from huggingface_hub import hf_hub_download, snapshot_download

    answers = _hub_answers()
    if not answers and folder is None:
        raise missing(repo, _cache(), "no answer from the Hugging Face Hub", "timm:NAME")
    config = Path(hf_hub_download(repo, CONFIG, revision=revision)) if answers else (folder or Path()) / CONFIG
    if is_transformers(read_config(config)):
        patterns = ["*.json", "*.safetensors"]
        home = snapshot_download(repo, revision=revision, allow_patterns=patterns) if answers else str(folder)
        return open_folder(home, seed=seed, named=spec)
    with undisturbed(seed):
        module = timm.create_model(spec, pretrained=True) if answers else _from_folder(config.parent, spec)
    return Source(module.eval(), Preprocessing.from_timm(module), timm_labels(module), spec, (f"weights {repo}",))


def _from_folder(folder: Path, spec: str) -> nn.Module:
    import timm

    try:
        return timm.create_model(f"local-dir:{folder}", pretrained=True)
    except AssertionError:  # timm 1.0.15 does not know folders; the hub's client turns to its cache after 20 s
        return timm.create_model(spec, pretrained=True)


def checked_name(name: str) -> None:
    """Raises LookupError for an architecture or a tag that timm does not have."""
    import timm

    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        hint = near(architecture, timm.list_models())
        raise LookupError(f"'{architecture}' is not a network of timm{hint}; 'phosphene networks timm' lists all")
    tags = [spec.partition(".")[2] for spec in _tagged(architecture)]
    if tag and tag not in tags and _cfg(name) is None:
        raise LookupError(f"timm:{architecture} has no weights '{tag}'; it has {', '.join(tags) or 'none'}")


def _tagged(architecture: str) -> list[str]:
    import timm

    return timm.list_pretrained(f"{architecture}.*")


def _cfg(name: str) -> Any:
    import timm

    try:
        return timm.get_pretrained_cfg(name)
    except RuntimeError:  # timm: "Invalid pretrained tag"
        return None


def _with_weights(name: str, cfg: Any, spec: str) -> nn.Module:
    import timm
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError

    local_path = here(cfg)
    cache_path = _cache() if cfg.hf_hub_id else hub_file(cfg.url)
    overlay: dict[str, Any] = {}
    if not (_hub_answers() if cfg.hf_hub_id else local_path or reachable(cfg.url)):
        if local_path is None:
            raise missing(cfg.hf_hub_id or cfg.url, cache_path, "no answer from its server", spec)
        overlay = {"file": str(local_path)}
    try:
        return timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay or None)
    except (EntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise missing(cfg.hf_hub_id or cfg.url, cache_path, first_line(error), spec) from error


def here(cfg: Any) -> Path | None:
    """The file with these weights on this machine, or None. Asks no server."""
    if not cfg.hf_hub_id:
        path = hub_file(cfg.url) if cfg.url else None
        return path if path and path.exists() else None
    from huggingface_hub import try_to_load_from_cache

    repo, _, revision = cfg.hf_hub_id.partition("@")
    for file in (cfg.hf_hub_filename,) if cfg.hf_hub_filename else _FILES:
        cached = try_to_load_from_cache(repo, file, revision=revision or None)
        if isinstance(cached, str):
            return Path(cached)
    return None


def _snapshot(repo: str, revision: str | None) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    if repo.count("/") != 1:
        raise LookupError(f"'hf-hub:{repo}' does not name a model; write hf-hub:OWNER/NAME")
    cached = try_to_load_from_cache(repo, "config.json", revision=revision)
    return Path(cached).parent if isinstance(cached, str) else None


def _hub_answers() -> bool:
    from huggingface_hub import constants

    return not constants.HF_HUB_OFFLINE and reachable(constants.ENDPOINT)


def _cache() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)

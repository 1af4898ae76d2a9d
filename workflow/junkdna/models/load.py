"""Checkpoints as models: load a classifier, or whatever has the body of one."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open

from junkdna.models.completeness import check_body, clear_conversion
from junkdna.models.quiet import quiet_transformers

if TYPE_CHECKING:
    # At run time transformers is imported where a model is built: it takes longer than making a mask.
    from transformers import PretrainedConfig, PreTrainedModel

WEIGHTS = "model.safetensors"
SHARDS = "model.safetensors.index.json"
OUTPUT = "lm_head.weight"


def load_classifier(
    checkpoint_dir: str | Path,
    num_labels: int,
    seed: int,
    *,
    regression: bool = False,
    dtype: torch.dtype = torch.float32,
) -> "PreTrainedModel":
    """Load a checkpoint folder as a sequence classifier, its weights in `dtype`.

    What the checkpoint lacks, as a rule the head, is initialised from `seed` alone and so the same for every
    recipe; the caller's random state stays as it is. A head that the checkpoint carries is kept if it has
    `num_labels` outputs, else initialised too. The names of all initialised parameters are left on the model
    as `missing_from_checkpoint`. A decoder without a padding token pads with its end token.

    Raises FileNotFoundError without config.json or safetensors files, ValueError for a file that cannot be
    read, an architecture without a sequence classifier and weights that do not belong to the configuration.
    """
    from transformers import AutoModelForSequenceClassification

    checkpoint_dir = Path(checkpoint_dir)
    assert not regression or num_labels == 1, num_labels
    config = read_config(checkpoint_dir, num_labels=num_labels)
    if not has_classifier(config):
        takes = "take an encoder such as bert or roberta, a decoder such as gpt2 or llama, or t5"
        raise unfit(checkpoint_dir, config, "sequence classifier", takes)
    config.problem_type = "regression" if regression else None
    model = load_weights(AutoModelForSequenceClassification, checkpoint_dir, config, seed, dtype)
    text = model.config.get_text_config()
    # Not every configuration knows these tokens (Funnel's does not).
    if getattr(text, "pad_token_id", None) is None:
        end = getattr(text, "eos_token_id", None)
        set_padding(model, (end[0] if isinstance(end, list) else end) or 0)
    return model


def set_padding(model: "PreTrainedModel", token: int) -> None:
    """Tell a model which token pads; models of several modalities ask the configuration of their text part."""
    for config in {id(each): each for each in (model.config, model.config.get_text_config())}.values():
        config.pad_token_id = token


def load_body(checkpoint_dir: str | Path, dtype: torch.dtype = torch.float32) -> "PreTrainedModel":
    """Load a checkpoint folder as whatever has its body: a classifier of two classes, else a language model.

    Raises what `load_classifier` raises, and ValueError for an architecture that is neither.
    """
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoModelForCausalLM

    config = read_config(Path(checkpoint_dir))
    if type(config) in MODEL_FOR_CAUSAL_LM_MAPPING and not has_classifier(config):
        return load_weights(AutoModelForCausalLM, Path(checkpoint_dir), config, 0, dtype)
    return load_classifier(checkpoint_dir, num_labels=2, seed=0, dtype=dtype)


def has_classifier(config: "PretrainedConfig") -> bool:
    """Whether transformers has a sequence classifier of this architecture."""
    from transformers import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING

    return type(config) in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING


def find_weight_files(checkpoint_dir: Path) -> list[Path]:
    """Return the safetensors files of a checkpoint folder: `model.safetensors`, or the shards of its index.

    Raises FileNotFoundError when there is none or a shard is missing, ValueError for one that is broken.
    """
    if (checkpoint_dir / WEIGHTS).is_file():
        names = [WEIGHTS]
    elif (checkpoint_dir / SHARDS).is_file():
        index = json.loads((checkpoint_dir / SHARDS).read_text(encoding="utf-8"))
        names = sorted(set(index["weight_map"].values()))
    else:
        found = ", ".join(sorted(path.name for path in checkpoint_dir.glob("*"))) or "nothing"
        raise FileNotFoundError(
            f"checkpoint {checkpoint_dir}: neither {WEIGHTS} nor {SHARDS} is there, but {found}; "
            "weights of another format are to be converted to safetensors first"
        )
    files = [checkpoint_dir / name for name in names]
    for path in files:
        if not path.is_file():
            raise FileNotFoundError(f"checkpoint {checkpoint_dir}: {SHARDS} names {path.name}, not there")
        try:
            with safe_open(path, "pt"):
                pass
        except SafetensorError as error:
            raise ValueError(f"{path}: not a readable safetensors file ({error})") from error
    return files


def load_weights(
    kind: Any, checkpoint_dir: Path, config: "PretrainedConfig", seed: int, dtype: torch.dtype
) -> "PreTrainedModel":
    """Load the weights into a model of an automatic class; what is missing is initialised from `seed`."""
    files = find_weight_files(checkpoint_dir)
    with torch.random.fork_rng(devices=[]), quiet_transformers(), clear_conversion(checkpoint_dir, files):
        torch.default_generator.manual_seed(seed)
        model, info = kind.from_pretrained(
            checkpoint_dir,
            config=config,
            dtype=dtype,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    _take_tied_embedding(checkpoint_dir, model, info)
    check_body(checkpoint_dir, model, info)
    model.missing_from_checkpoint = frozenset(
        info["missing_keys"] | {key[0] for key in info["mismatched_keys"]}
    )
    return model


def missing_from(model: "PreTrainedModel") -> frozenset[str]:
    """The parameters that the checkpoint of a model did not carry; none of a model that was not loaded here."""
    return getattr(model, "missing_from_checkpoint", frozenset())


def on_device(model: "PreTrainedModel", device: torch.device) -> "PreTrainedModel":
    """The model, moved to `device`."""
    model.to(device)  # type: ignore[arg-type]  # transformers wraps the method in what mypy takes for a function
    return model


def _take_tied_embedding(checkpoint_dir: Path, model: "PreTrainedModel", info: Mapping[str, Any]) -> None:
    """Some decoders with tied weights store them as the output layer alone, which a classifier has not."""
    if not getattr(model.config, "tie_word_embeddings", False):
        return
    embedding = model.get_input_embeddings().get_parameter("weight")
    names = [name for name, parameter in model.named_parameters() if parameter is embedding]
    if not set(names) & info["missing_keys"]:
        return
    for path in find_weight_files(checkpoint_dir):
        with safe_open(path, "pt") as tensors:
            if OUTPUT in tensors.keys() and tensors.get_slice(OUTPUT).get_shape() == list(embedding.shape):  # noqa: SIM118
                embedding.data.copy_(tensors.get_tensor(OUTPUT))
                info["missing_keys"].difference_update(names)


def unfit(checkpoint_dir: Path, config: "PretrainedConfig", lacks: str, takes: str) -> ValueError:
    """The error that an architecture lacks something; takes: what does not."""
    from transformers import __version__

    architecture = ", ".join(config.architectures or [type(config).__name__])
    return ValueError(
        f"{checkpoint_dir / 'config.json'}: architecture {architecture} (model_type {config.model_type!r}) has no "
        f"{lacks} in transformers {__version__}; {takes}"
    )


def read_config(checkpoint_dir: Path, **changes: Any) -> "PretrainedConfig":
    """Read config.json, with some of it changed."""
    from transformers import AutoConfig, __version__

    path = checkpoint_dir / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint {checkpoint_dir}: config.json is missing")
    try:
        config = AutoConfig.from_pretrained(
            checkpoint_dir, **changes, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{path}: transformers {__version__} cannot read it: {error}") from error
    return config

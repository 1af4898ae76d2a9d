"""Which matrices the body of a model is made of: what a recipe may touch, and by which rule the rest is left out.

A matrix is what inputs are multiplied by. Most are the weights of linear layers; others are parameters of more
dimensions: the fused experts of a mixture [experts, ...], attention kept by head, convolutions. Each parameter of
two or more dimensions is one of these, is left out by a rule of RULES, or is unknown (`Body.unknown`);
docs/architectures.md says so in words and counts them over all architectures.
"""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Largest share of the body in weights of no known kind; above it an architecture is refused.
TOLERANCE = 0.005

# Rule -> what it leaves out. Of several rules the first counts.
RULES = {
    "absent": "weights that the checkpoint does not carry",
    "pooler": "poolers, which belong to a head: some checkpoints of an architecture carry one, others do not",
    "modality": "towers and projections of images and sound, which text does not pass",
    "router": "routers, which choose the experts of a token",
    "table": "embeddings, and other tables of vectors that are looked up or added",
    "bias": "biases, scales and other vectors, also those kept in the shape of a matrix",
    "depthwise": "depthwise convolutions: a filter for each channel, no matrix",
    "state": "the decay of state-space models, which multiplies element by element",
}
_TOWERS = re.compile(
    r"(^|\.)(vision|visual|image|audio|speech|patch_embed\.)|multi_modal|(^|\.)connector\.|embed_tokens_extend"
)
_ROUTERS = re.compile(r"Router|TopKGating")
_TABLES = re.compile(r"Embedding|PositionEncoding")
_TABLE_NAMES = re.compile(r"(^|[._])(embed|seg_embed|pos_embed|latents|position_embeddings|rel_pos_[hw])")
_BIASES = re.compile(r"bias$|^scale$|^time_mix|^b$")
_STATES = ("A_log", "D")

# Parameters that are matrices though their layer is no linear one, by class and name: the dimension along which
# the inputs lie. Of the attention kept by head [model, heads, width], seen as [model, heads * width].
BY_HEAD = {
    **{("XLNetRelativeAttention", part): 0 for part in "qkvr"},
    ("XLNetRelativeAttention", "o"): 1,
    ("FunnelRelMultiheadAttention", "r_kernel"): 0,
}
# Of the matrices of a stack [matrices, rows, columns], apart from what transformers itself marks as experts.
STACKS = {
    ("DbrxExpertGLU", "w1"): 1,
    ("DbrxExpertGLU", "v1"): 1,
    ("DbrxExpertGLU", "w2"): 0,
    ("JetMoeParallelExperts", "weight"): 1,
    ("InklingSharedExperts", "gate_proj"): 1,
    ("InklingSharedExperts", "up_proj"): 1,
    ("InklingSharedExperts", "down_proj"): 1,
    ("Llama4TextExperts", "gate_up_proj"): 0,
    ("Llama4TextExperts", "down_proj"): 0,
    ("LongcatFlashExperts", "gate_up_proj"): 1,
    ("LongcatFlashExperts", "down_proj"): 1,
    ("RecurrentGemmaRglru", "input_gate_weight"): 0,
    ("RecurrentGemmaRglru", "recurrent_gate_weight"): 0,
    ("ZambaMambaMixer", "x_proj_weight"): 1,
    ("ZambaMambaMixer", "dt_proj_weight"): 1,
}
# Of the matrix itself.
PLAIN = {
    ("QuantLinear", "weight"): 1,
    **{(f"{family}HyperConnection", "fn"): 1 for family in ("DeepseekV4", "HYV4")},
    **{(f"{family}HyperHead", "hc_fn"): 1 for family in ("DeepseekV4", "HYV4")},
    **{(f"{family}RelativeLogits", "proj"): 0 for family in ("Inkling", "Inkling2")},
}


@dataclass(frozen=True)
class PrunableWeight:
    """A matrix that a recipe may prune, and where it is.

    parameter: of the model. input_dim: the dimension (0 or 1) of the matrix along which its inputs lie. shape: what
    the parameter is viewed as, where it is not the matrix itself: [rows, columns], or with an `index` a stack
    [matrices, rows, columns] of which this is one.
    """

    parameter: Tensor
    input_dim: int
    shape: tuple[int, ...] | None = None
    index: int | None = None

    @property
    def tensor(self) -> Tensor:
        """The matrix: the parameter itself, or a view of its numbers. Has no gradient of its own in that case."""
        return self.parameter if self.shape is None else self.view_of(self.parameter.detach())

    def view_of(self, tensor: Tensor) -> Tensor:
        """The place of this matrix in a tensor of the shape of its parameter."""
        viewed = tensor if self.shape is None else tensor.view(self.shape)
        return viewed if self.index is None else viewed[self.index]


@dataclass(frozen=True)
class Body:
    """found: the matrices by name, in the order of the model; that of a stack is called <parameter>.<number>.

    left_out: rule -> numbers of weights by parameter. unknown: the numbers of weights that no rule knows.
    """

    found: dict[str, PrunableWeight] = field(default_factory=dict)
    left_out: dict[str, dict[str, int]] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)

    @property
    def coverage(self) -> float:
        """Share of the weights that are found, of those that are found or unknown; 0 where there are none."""
        known = sum(each.tensor.numel() for each in self.found.values())
        return known / max(known + sum(self.unknown.values()), 1)


def body_of(model: "PreTrainedModel") -> tuple[str, nn.Module]:
    """The base model under a head, and its name in the model."""
    name = model.base_model_prefix
    # Some text models of larger families name the place that they have there, not the one that they have here.
    name = name if hasattr(model, name) else "model"
    return name, getattr(model, name)


def survey_body(model: "PreTrainedModel", absent: Set[str] = frozenset()) -> Body:
    """Find the matrices of the body. absent: names of parameters that the checkpoint does not carry."""
    prefix, base = body_of(model)
    # A weight shared with an embedding is an embedding, one shared by two layers counts once.
    seen = {id(layer.weight) for layer in model.modules() if isinstance(layer, nn.Embedding)}
    body, routers = Body(), []
    for path, layer in base.named_modules():
        if _ROUTERS.search(type(layer).__name__):
            routers.append(f"{path}.")
        for part, parameter in layer.named_parameters(recurse=False):
            if parameter.ndim < 2 or id(parameter) in seen:
                continue
            seen.add(id(parameter))
            name = f"{path}.{part}".removeprefix(".")
            routed = any(name.startswith(router) for router in routers) or "shared_expert_gate" in name
            rule = _first_rule(name, routed, f"{prefix}.{name}" in absent)
            matrices = None if rule else _matrices_of(layer, part, parameter)
            rule = rule or (None if matrices else _last_rule(layer, name, part, parameter))
            if matrices:
                body.found.update({f"{name}{key}": matrix for key, matrix in matrices.items()})
            elif rule:
                body.left_out.setdefault(rule, {})[name] = parameter.numel()
            else:
                body.unknown[name] = parameter.numel()
    return body


def find_matrices(model: "PreTrainedModel", absent: Set[str] = frozenset()) -> dict[str, PrunableWeight]:
    """The matrices of the body, see `survey_body`; ValueError where more than TOLERANCE of its weights are unknown."""
    body = survey_body(model, absent)
    if body.coverage < 1 - TOLERANCE:
        names = sorted(body.unknown, key=body.unknown.__getitem__, reverse=True)
        raise ValueError(
            f"{type(model).__name__}: {1 - body.coverage:.1%} of the weights of its body are parameters of which it is "
            f"not known how they multiply ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''}), so a level "
            "would not be what it says; take another architecture, or add these to junkdna/models/matrices.py"
        )
    return body.found


def owner_of(name: str, weight: PrunableWeight) -> str:
    """The name of the parameter that holds this matrix, relative to the base model."""
    return name if weight.index is None else name.rpartition(".")[0]


def whole_parameters(found: Mapping[str, PrunableWeight]) -> dict[str, Tensor]:
    """The parameters that hold these matrices, by name: what gradients and optimizers know."""
    return {owner_of(name, weight): weight.parameter for name, weight in found.items()}


def joined(found: Mapping[str, PrunableWeight], parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of matrices (masks, say) put together as tensors of the parameters' shapes, by their names."""
    whole: dict[str, Tensor] = {}
    for name, weight in found.items():
        if weight.shape is None:
            whole[name] = parts[name]
            continue
        into = whole.setdefault(owner_of(name, weight), parts[name].new_empty(weight.parameter.shape))
        weight.view_of(into).copy_(parts[name])
    return whole


def split_up(found: Mapping[str, PrunableWeight], whole: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Undo `joined`: views of the tensors, by the names of the matrices."""
    return {name: weight.view_of(whole[owner_of(name, weight)]) for name, weight in found.items()}


def _first_rule(name: str, routed: bool, is_absent: bool) -> str | None:
    """The rule by which a parameter is left out, whatever it is."""
    if is_absent:
        return "absent"
    if name.split(".")[0] in ("pooler", "contact_head"):
        # Its weights can be so small that a global cut removes them all, and the head then sees nothing.
        return "pooler"
    if _TOWERS.search(name):
        return "modality"
    return "router" if routed else None


def _last_rule(layer: nn.Module, name: str, part: str, parameter: Tensor) -> str | None:
    """The rule by which a parameter is left out that is no known matrix."""
    kind = type(layer).__name__
    if isinstance(layer, nn.Embedding) or _TABLES.search(kind) or _TABLE_NAMES.search(name):
        return "table"
    if _BIASES.search(part) or sum(size > 1 for size in parameter.shape) < 2:
        return "bias"
    if kind.startswith("Conv") and parameter.shape[1] == 1:
        return "depthwise"
    return "state" if part in _STATES else None


def _matrices_of(layer: nn.Module, part: str, parameter: Tensor) -> dict[str, PrunableWeight] | None:
    """The matrices of one parameter, by what follows its name; None if it is none that is known."""
    from transformers.pytorch_utils import Conv1D

    kind, shape = type(layer).__name__, tuple(parameter.shape)
    if part == "weight" and isinstance(layer, nn.Linear | Conv1D):
        if (groups := getattr(layer, "n_groups", 1)) > 1:
            return _stack(parameter, 1, (groups, shape[0] // groups, shape[1]))
        # Conv1D computes x W, nn.Linear x W^T.
        return {"": PrunableWeight(parameter, 0 if isinstance(layer, Conv1D) else 1)}
    if isinstance(layer, nn.Conv1d) and part == "weight" and shape[1] > 1:
        # Its inputs are those of each place that the kernel covers.
        groups, inputs = layer.groups, shape[1] * shape[2]
        if groups == 1:
            return {"": PrunableWeight(parameter, 1, (shape[0], inputs))}
        return _stack(parameter, 1, (groups, shape[0] // groups, inputs))
    if (kind, part) in BY_HEAD:
        return {"": PrunableWeight(parameter, BY_HEAD[kind, part], (shape[0], shape[1] * shape[2]))}
    if (kind, part) in STACKS:
        if len(shape) == 2:  # experts below one another
            experts: Any = layer.moe_num_experts  # a number, which the types of a module do not tell
            shape = (experts, shape[0] // experts, shape[1])
        return _stack(parameter, STACKS[kind, part], shape)
    if hasattr(layer, "is_transposed") and parameter.ndim == 3:
        # What transformers marks as experts (`use_experts_implementation`): gate_up_proj or up_proj, and down_proj.
        return _stack(parameter, 0 if layer.is_transposed else 1, shape)
    if (kind, part) in PLAIN:
        return {"": PrunableWeight(parameter, PLAIN[kind, part])}
    return None


def _stack(parameter: Tensor, input_dim: int, shape: tuple[int, ...]) -> dict[str, PrunableWeight]:
    return {f".{index}": PrunableWeight(parameter, input_dim, shape, index) for index in range(shape[0])}

"""A recipe applied to a model from its files: the same weights as from masks in memory, and one parameter at a time."""

import pytest
import torch

from architectures import save_checkpoint
from junkdna.compression.compressed import Compressed
from junkdna.compression.masks import PackedMask, build_mask, pack
from junkdna.files.compressed import read_compressed
from junkdna.files.masks import write_mask
from junkdna.models.compressed import apply_recipe
from junkdna.models.load import load_body
from junkdna.models.prunable import prunable_weights
from junkdna.study.specs import PruneSpec

RECIPE = {"scope": "body", "seed": 0, "keep": 0, "group": 0, "per_mille": 500, "score": "magnitude",
          "selection": "layer"}  # fmt: skip
SPEC = PruneSpec.from_mapping(RECIPE)
FULL = {**RECIPE, "method": "prune"}


def written(folder, moves: bool):
    """A mask of the checkpoint in `folder` as booleans, its new weights, and a file of both."""
    found = prunable_weights(load_body(folder), "body")
    weights = {name: entry.tensor.detach() for name, entry in found.items()}
    mask = build_mask(weights, {name: entry.input_dim for name, entry in found.items()}, SPEC)
    moved = {name: (weight + 1) * mask[name] for name, weight in weights.items()} if moves else {}
    bits = {name: pack(kept) for name, kept in mask.items()}
    shapes = {name: tuple(kept.shape) for name, kept in mask.items()}
    packed = PackedMask(bits=bits, shapes=shapes, threshold=None, weights=moved)
    write_mask(folder / "mask.safetensors", packed, SPEC, code="")
    return weights, mask, moved


@pytest.mark.parametrize("moves", [False, True])
@pytest.mark.parametrize("architecture", ["llama", "gpt2", "mixtral"])
def test_a_mask_from_a_file_leaves_the_weights_that_it_says(architecture, moves, tmp_path):
    save_checkpoint(tmp_path, architecture, tied=False)
    weights, mask, moved = written(tmp_path, moves)
    model = load_body(tmp_path, torch.bfloat16)
    applied = apply_recipe(model, FULL, read_compressed(tmp_path / "mask.safetensors"))
    for name, entry in prunable_weights(model, "body").items():
        expected = (moved or weights)[name].bfloat16() * mask[name]
        assert torch.equal(entry.tensor, expected) and entry.tensor.dtype == torch.bfloat16, name
    kept, total = (sum(int(f(each)) for each in mask.values()) for f in (torch.sum, torch.numel))
    assert applied.sparsity == (total - kept) / total


def test_no_two_matrices_of_a_file_are_held_at_a_time(tmp_path):
    """What is read of the file is let go before the next matrix is asked for."""
    import weakref

    save_checkpoint(tmp_path, "llama", tied=False)
    written(tmp_path, True)
    opened, alive, most = read_compressed(tmp_path / "mask.safetensors"), [], 0

    class Watched(dict):
        def __init__(self, inner):
            super().__init__(dict.fromkeys(inner))
            self.inner = inner

        def __getitem__(self, name):
            nonlocal most
            made = self.inner[name]
            alive.append(weakref.ref(made))
            most = max(most, sum(each() is not None for each in alive))
            return made

    watched = Compressed(mask=Watched(opened.mask), moved=Watched(opened.moved))
    apply_recipe(load_body(tmp_path), FULL, watched)
    # The mask and the new values of one, and those of the one before until their names are taken.
    assert len(alive) == 28 and most <= 4


def test_a_mask_of_another_checkpoint_is_told(tmp_path):
    (tmp_path / "other").mkdir()
    save_checkpoint(tmp_path / "other", "bert", tied=False)
    save_checkpoint(tmp_path, "llama", tied=False)
    written(tmp_path / "other", False)
    compressed = read_compressed(tmp_path / "other/mask.safetensors")
    with pytest.raises(ValueError, match="mask: 26 tensors do not fit the model, first"):
        apply_recipe(load_body(tmp_path), FULL, compressed)

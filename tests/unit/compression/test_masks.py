"""Masks, bit for bit against a sort of all weights written here, on tensors and on real architectures."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import architectures
from architectures import ARCHITECTURES, save_checkpoint
from junkdna.compression import ranking, selection
from junkdna.compression.masks import (
    build_mask,
    build_packed_mask,
    measure_sparsity,
    pack,
    removed_by,
    unpack,
)
from junkdna.compression.ranking import build_ranking
from junkdna.compression.scores import SCORES
from junkdna.files.artifacts import read_metadata, read_tensors, write_tensors
from junkdna.files.masks import read_mask, write_mask
from junkdna.models.load import load_classifier
from junkdna.models.prunable import prunable_weights, read_body
from junkdna.study.specs import PruneSpec


def spec(
    score="magnitude", selection="global", per_mille=0, keep=0, group=0, scope="body", seed=3
) -> PruneSpec:
    return PruneSpec(
        score=score, selection=selection, scope=scope, per_mille=per_mille, keep=keep, group=group, seed=seed
    )


SPECS = [
    *[spec(score, "global", per_mille) for score in SCORES for per_mille in (100, 333, 900)],
    *[spec(score, "layer", per_mille) for score in SCORES for per_mille in (50, 500)],
    *[spec(s, "nm", keep=n, group=m) for s in SCORES for n, m in ((2, 4), (1, 3), (4, 8), (3, 32))],
]


def oracle_scores(weights: dict, what: PruneSpec) -> list[np.ndarray]:
    """The scores of each tensor, written out once more (but for the seeding of the random ones)."""
    values = [weight.float().numpy() for weight in weights.values()]
    if what.score == "random":
        return [SCORES["random"](w, name=name, seed=what.seed).numpy() for name, w in weights.items()]
    return [np.abs(array) if what.score == "magnitude" else -np.abs(array) for array in values]


def oracle_lowest(scores: list[np.ndarray], num_removed: int) -> list[np.ndarray]:
    """Keep all but the lowest by (score, tensor, flat index)."""
    flat = np.concatenate([array.ravel() for array in scores])
    tensor = np.repeat(np.arange(len(scores)), [array.size for array in scores])
    index = np.concatenate([np.arange(array.size) for array in scores])
    kept = np.ones(flat.size, bool)
    kept[np.lexsort((index, tensor, flat))[:num_removed]] = False
    pieces = np.split(kept, np.cumsum([array.size for array in scores])[:-1])
    return [piece.reshape(array.shape) for piece, array in zip(pieces, scores, strict=True)]


def oracle_nm(scores: np.ndarray, keep: int, group: int) -> np.ndarray:
    """Keep N of M along the last axis by sorting each group in Python."""
    kept = np.ones(scores.shape, bool)
    for line, row in zip(kept, scores.tolist(), strict=True):
        for start in range(0, len(row), group):
            members = row[start : start + group]
            num_kept = -(-len(members) * keep // group)
            order = sorted(range(len(members)), key=lambda i: (members[i], i))
            line[[start + i for i in order[: len(members) - num_kept]]] = False
    return kept


def oracle(weights: dict, input_dims: dict, what: PruneSpec) -> dict[str, np.ndarray]:
    scores = oracle_scores(weights, what)
    if what.selection == "nm":
        masks = [
            oracle_nm(array, what.keep, what.group)
            if input_dims[name] == 1
            else oracle_nm(array.T, what.keep, what.group).T
            for name, array in zip(weights, scores, strict=True)
        ]
    elif what.selection == "layer":
        masks = [oracle_lowest([array], round_half_up(array.size, what))[0] for array in scores]
    else:
        masks = oracle_lowest(scores, round_half_up(sum(array.size for array in scores), what))
    return dict(zip(weights, masks, strict=True))


def round_half_up(size: int, what: PruneSpec) -> int:
    return int(np.floor(size * what.per_mille / 1000 + 0.5))


def assert_same(mask: dict, expected: dict, what: PruneSpec) -> None:
    assert list(mask) == list(expected)
    for name, array in expected.items():
        assert mask[name].dtype == torch.bool
        assert np.array_equal(mask[name].numpy(), array), (what, name)


def some_weights(kind: str) -> dict[str, torch.Tensor]:
    """Tensors of awkward sizes; every kind but `plain` is full of equal scores."""
    generator = torch.Generator().manual_seed(1)
    shapes = {"b": (13, 37), "a": (70, 9), "c": (1, 5), "d": (3, 1), "e": (41, 66)}
    weights = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    change = {
        "plain": lambda w: w,
        "bfloat16": lambda w: w.bfloat16(),
        "float16": lambda w: (w * 1e-6).half(),
        "tied": lambda w: (w * 2).round() / 2,
        "half zero": lambda w: torch.where(w > 0, w, w * -0.0),
        "constant": lambda w: torch.full_like(w, -0.3),
        "one bin": lambda w: 1 + w.sign() * w.abs().clamp(max=1) * 1e-6,
        "tiny": lambda w: w * 1e-41,
    }[kind]
    return {name: change(weight) for name, weight in weights.items()}


INPUT_DIMS = {"b": 1, "a": 0, "c": 1, "d": 0, "e": 0}
KINDS = ["plain", "bfloat16", "float16", "tied", "half zero", "constant", "one bin", "tiny"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("piece", [64, 1 << 17])
def test_mask_equals_the_oracle(kind, piece, monkeypatch):
    monkeypatch.setattr(ranking, "PIECE", piece)
    monkeypatch.setattr(selection, "PIECE", piece)
    weights = some_weights(kind)
    for what in SPECS:
        assert_same(build_mask(weights, INPUT_DIMS, what), oracle(weights, INPUT_DIMS, what), what)


@pytest.mark.parametrize("kind", ["plain", "tied"])
@pytest.mark.parametrize("score", list(SCORES))
def test_one_ranking_serves_every_level_exactly(kind, score):
    weights = some_weights(kind)
    counted = build_ranking(weights, score, seed=3)
    sizes = np.array([weight.numel() for weight in weights.values()])
    for per_mille in range(1, 1000, 7):
        what = spec(score, "global", per_mille)
        mask = build_mask(weights, INPUT_DIMS, what, counted)
        assert sum(int((~kept).sum()) for kept in mask.values()) == round_half_up(sizes.sum(), what)
        what = spec(score, "layer", per_mille)
        mask = build_mask(weights, INPUT_DIMS, what, counted)
        removed = [int((~kept).sum()) for kept in mask.values()]
        assert removed == [round_half_up(size, what) for size in sizes]


@pytest.mark.parametrize("selected", ["global", "layer"])
def test_a_higher_level_removes_what_a_lower_one_removes_and_more(selected):
    weights = some_weights("tied")
    masks = [build_mask(weights, INPUT_DIMS, spec("magnitude", selected, n)) for n in range(50, 1000, 50)]
    for lower, higher in zip(masks, masks[1:], strict=False):
        assert all(bool((higher[name] <= lower[name]).all()) for name in weights)


@pytest.mark.parametrize("group", range(2, 33))
def test_nm_keeps_exactly_n_in_every_group(group):
    weights = some_weights("tied")
    for keep in {1, group // 2, group - 1}:
        mask = build_mask(weights, INPUT_DIMS, spec("magnitude", "nm", keep=keep, group=group))
        for name, kept in mask.items():
            lines = kept if INPUT_DIMS[name] == 1 else kept.T
            for start in range(0, lines.shape[1], group):
                members = lines[:, start : start + group]
                expected = -(-members.shape[1] * keep // group)
                assert (members.sum(dim=1) == expected).all(), (name, keep, group, start)


def test_a_ranking_of_other_weights_or_another_score_is_refused():
    weights = some_weights("plain")
    counted = build_ranking(weights, "magnitude", seed=3)
    other = weights | {"e": weights["e"] * 0.99}
    for given, what in [(other, spec(per_mille=500)), (weights, spec("random", per_mille=500))]:
        with pytest.raises(AssertionError, match="ranking of other"):
            build_mask(given, INPUT_DIMS, what, counted)


def test_a_ranking_survives_its_file(tmp_path):
    weights = some_weights("plain")
    write_tensors(tmp_path / "ranking.safetensors", build_ranking(weights, "magnitude", seed=3))
    for what in (spec(per_mille=250), spec(selection="layer", per_mille=250)):
        mask = build_mask(weights, INPUT_DIMS, what, read_tensors(tmp_path / "ranking.safetensors"))
        assert_same(mask, oracle(weights, INPUT_DIMS, what), what)


@pytest.mark.parametrize(
    "what", [spec(per_mille=500), spec(selection="nm", keep=2, group=4)], ids=["u", "nm"]
)
def test_nothing_to_prune_and_no_number_are_errors(what):
    with pytest.raises(ValueError, match="no weight to prune"):
        build_mask({}, {}, what)
    with pytest.raises(ValueError, match="'a': .* NaN or infinite"):
        build_mask({"a": torch.tensor([[1.0, float("nan")]])}, {"a": 1}, what)


@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (3, 3), (5, 16), (7, 11)])
def test_pack_round_trip(shape):
    mask = torch.rand(shape, generator=torch.Generator().manual_seed(2)) > 0.5
    bits = pack(mask)
    assert bits.dtype == torch.uint8 and bits.numel() == (mask.numel() + 7) // 8
    assert [int(bits[i // 8]) >> (i % 8) & 1 for i in range(mask.numel())] == mask.flatten().int().tolist()
    assert torch.equal(unpack(bits, shape), mask)


def test_packed_mask_is_the_packed_mask():
    weights = some_weights("tied")
    for what in SPECS:
        packed = build_packed_mask(weights, INPUT_DIMS, what)
        mask = build_mask(weights, INPUT_DIMS, what)
        assert all(torch.equal(packed.bits[name], pack(kept)) for name, kept in mask.items())


@pytest.mark.parametrize("what", [SPECS[1], SPECS[9], SPECS[15]], ids=lambda what: what.selection)
def test_file_holds_one_bit_a_weight_and_says_what_it_is(what, tmp_path):
    weights = some_weights("plain")
    packed = build_packed_mask(weights, INPUT_DIMS, what)
    write_mask(tmp_path / "mask.safetensors", packed, what, code="digest")
    mask = read_mask(tmp_path / "mask.safetensors")
    assert_same(mask, oracle(weights, INPUT_DIMS, what), what)
    for name, bits in read_tensors(tmp_path / "mask.safetensors").items():
        assert bits.dtype == torch.uint8 and bits.numel() == (weights[name].numel() + 7) // 8
    metadata = read_metadata(tmp_path / "mask.safetensors")
    assert PruneSpec.from_mapping(json.loads(metadata["spec"])) == what
    assert json.loads(metadata["shapes"]) == {name: list(weight.shape) for name, weight in weights.items()}
    assert metadata["code"] == "digest"
    removed = {name: int((~kept).sum()) for name, kept in mask.items()}
    sizes = {name: kept.numel() for name, kept in mask.items()}
    assert float(metadata["sparsity"]) == pytest.approx(
        sum(removed.values()) / sum(sizes.values()), abs=1e-12
    )
    each = json.loads(metadata["tensor_sparsity"])
    assert each == pytest.approx({name: removed[name] / sizes[name] for name in sizes}, abs=1e-12)
    threshold = json.loads(metadata["threshold"])
    scores = dict(zip(weights, oracle_scores(weights, what), strict=True))
    gone = {name: array[~mask[name].numpy()] for name, array in scores.items()}
    if what.selection == "global":
        assert threshold == max(array.max() for array in gone.values() if array.size)
    elif what.selection == "layer":
        assert threshold == {name: float(array.max()) if array.size else None for name, array in gone.items()}
    else:
        assert threshold is None


def test_the_same_recipe_gives_the_same_file(tmp_path):
    files = []
    for i in range(3):
        what = spec("random", "global", 400)
        write_mask(
            tmp_path / f"{i}", build_packed_mask(some_weights("plain"), INPUT_DIMS, what), what, code="c"
        )
        files.append(read_mask(tmp_path / f"{i}"))
    assert all(torch.equal(files[0][name], other[name]) for other in files for name in files[0])
    metadata = [read_metadata(tmp_path / f"{i}") for i in range(3)]
    assert metadata[0] == metadata[1] == metadata[2]


def test_random_masks_of_two_seeds_differ_and_keep_their_place_when_the_order_changes():
    weights = some_weights("plain")
    first = build_mask(weights, INPUT_DIMS, spec("random", "layer", 500, seed=1))
    second = build_mask(weights, INPUT_DIMS, spec("random", "layer", 500, seed=2))
    assert not torch.equal(first["e"], second["e"])
    turned = build_mask(dict(reversed(weights.items())), INPUT_DIMS, spec("random", "layer", 500, seed=1))
    assert all(torch.equal(first[name], turned[name]) for name in weights)


@pytest.mark.parametrize("tied", [False, True], ids=["distinct", "tied"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_masks_of_an_architecture_equal_the_oracle(architecture, tied, tmp_path):
    save_checkpoint(tmp_path, architecture, tied)
    model = load_classifier(tmp_path, num_labels=3, seed=1)
    found = prunable_weights(model, "body")
    weights = {name: weight.tensor.detach() for name, weight in found.items()}
    input_dims = {name: weight.input_dim for name, weight in found.items()}
    assert len(weights) == ARCHITECTURES[architecture][2]
    assert set(input_dims.values()) == architectures.INPUT_DIMS.get(architecture, {1})

    body = read_body(tmp_path)
    assert list(body) == list(weights)
    assert all(torch.equal(body[name].tensor.float(), weights[name]) for name in weights)
    assert {name: weight.input_dim for name, weight in body.items()} == input_dims

    from_file = {name: weight.tensor.detach() for name, weight in body.items()}
    for name, weight in from_file.items():
        # XLNet makes its attention in float32, whatever it is told.
        stored = torch.bfloat16 if tied and "rel_attn" not in name else torch.float32
        assert weight.dtype == stored, name
    for what in SPECS:
        expected = oracle(weights, input_dims, what)
        assert_same(build_mask(weights, input_dims, what), expected, what)
        assert_same(build_mask(from_file, input_dims, what), expected, what)
        if what.selection == "global":
            sparsity, _ = measure_sparsity(build_packed_mask(from_file, input_dims, what))
            size = sum(weight.numel() for weight in weights.values())
            assert sparsity == pytest.approx(round_half_up(size, what) / size, abs=1e-12)


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "gpt2", "llama", "t5"])
def test_a_mask_like_another_removes_as_many_of_each_layer_at_random_places(architecture, tmp_path):
    save_checkpoint(tmp_path, architecture, tied=False)
    body = read_body(tmp_path)
    # Layers of different scale, so that a global cut takes very different shares of them.
    weights = {name: entry.tensor.detach() * (1 + i) for i, (name, entry) in enumerate(body.items())}
    input_dims = {name: entry.input_dim for name, entry in body.items()}
    original = build_mask(weights, input_dims, spec("magnitude", "global", 700))
    removed = {name: int((kept.numpy() == 0).sum()) for name, kept in original.items()}
    shares = [removed[name] / weights[name].numel() for name in weights]
    assert removed_by(original) == removed and max(shares) - min(shares) > 0.3
    masks = {}
    for seed in (1, 2):
        what = replace(spec("random", "global", 700, seed=seed), like="magnitude-u70")
        mask = masks[seed] = build_mask(weights, input_dims, what, removed=removed)
        scores = oracle_scores(weights, what)
        expected = [oracle_lowest([array], n)[0] for array, n in zip(scores, removed.values(), strict=True)]
        assert_same(mask, dict(zip(weights, expected, strict=True)), what)
        assert removed_by(mask) == removed
        counted = build_ranking(weights, "random", seed=seed)
        assert_same(build_mask(weights, input_dims, what, counted, removed), dict(mask), what)
    partly = [name for name in weights if 9 < removed[name] < weights[name].numel()]
    assert partly and not any(torch.equal(masks[1][name], masks[2][name]) for name in partly)
    for name in weights:  # no more of the small weights than chance would take
        both = int((~masks[1][name] & ~original[name]).sum())
        n, gone = weights[name].numel(), removed[name]
        spread = np.sqrt(gone * (gone / n) * (1 - gone / n))
        assert abs(both - gone * gone / n) <= 5 * spread + 1


def test_numbers_of_removed_weights_go_with_like_and_fit_the_tensors():
    weights, plain = some_weights("plain"), spec("random", "global", 500)
    removed = dict.fromkeys(weights, 1)
    for what, given in ((plain, removed), (replace(plain, like="magnitude-u50"), None)):
        with pytest.raises(AssertionError, match="go with `like`"):
            build_mask(weights, INPUT_DIMS, what, removed=given)
    with pytest.raises(ValueError, match=r"the mask of magnitude-u50 is of other tensors .*\(b, \.\.\.\)"):
        build_mask(
            weights,
            INPUT_DIMS,
            replace(plain, like="magnitude-u50"),
            removed={"a": 1, "c": 1, "d": 1, "e": 1},
        )

"""The control regimes: what is drawn anew, what stays as pre-trained, and what then trains."""

from dataclasses import replace

import pytest
import torch
from transformers import BertForSequenceClassification, GPT2Config, GPT2Model

from junkdna.models.load import load_classifier
from junkdna.training.reinit import draw_body, draw_removed
from trainings import DENSE, PRUNED, SPEC, body_mask, run, same_bits, save_checkpoint, watch

STILL = replace(SPEC, learning_rate=0.0, weight_decay=0.0, max_steps=1)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save_checkpoint(tmp_path_factory.mktemp("checkpoint"))


def test_reinit_starts_from_draws_of_the_same_size_and_keeps_the_rest(checkpoint, tmp_path):
    mask, whole = body_mask(checkpoint)
    seen = []
    run(checkpoint, tmp_path, regime="reinit", mask=mask, spec=STILL, after_step=watch(seen))
    for name, weight in seen[0][1].items():
        assert torch.equal(weight[mask[name]], whole[name][mask[name]])
        old, new = whole[name][~mask[name]], weight[~mask[name]]
        assert not (old == new).any()
        assert new.std().item() == pytest.approx(old.std().item(), rel=0.25)
        assert abs(torch.corrcoef(torch.stack([old, new]))[0, 1]) < 4 / len(old) ** 0.5


def test_everything_moves_under_reinit(checkpoint, tmp_path):
    mask, _ = body_mask(checkpoint)
    start, seen = [], []
    run(checkpoint, tmp_path, regime="reinit", mask=mask, spec=STILL, after_step=watch(start))
    outcome = run(checkpoint, tmp_path, regime="reinit", mask=mask, after_step=watch(seen))
    for name, weight in seen[-1][1].items():
        assert (weight != start[0][1][name]).float().mean() > 0.99
    assert outcome.facts["sparsity"] == pytest.approx(0.4, abs=1e-3)


def test_removed_weights_are_drawn_from_their_own_spread():
    draw = torch.Generator().manual_seed(0)
    weights = {
        "small": torch.randn(200, 300, generator=draw) * 0.01,
        "large": torch.randn(400, 200, generator=draw),
    }
    kept = {name: torch.rand(weight.shape, generator=draw) < 0.5 for name, weight in weights.items()}
    kept["all"], weights["all"] = torch.ones(3, 2, dtype=torch.bool), torch.ones(3, 2)
    before = {name: weight.clone() for name, weight in weights.items()}
    draw_removed(weights, kept, 7)
    for name in ("small", "large"):
        spread = before[name][~kept[name]].std(correction=0)
        drawn = weights[name][~kept[name]] / spread
        assert drawn.mean().abs() < 0.02 and abs(drawn.std() - 1) < 0.02
        assert (drawn.abs() < 1).float().mean() == pytest.approx(0.683, abs=0.01), "normal"
        assert torch.equal(weights[name][kept[name]], before[name][kept[name]])
    assert torch.equal(weights["all"], before["all"])
    # By the definition, one tensor after the other from one stream.
    stream = torch.Generator().manual_seed(2**32 + 7)
    for name in ("small", "large"):
        removed = ~kept[name]
        expected = torch.randn(int(removed.sum()), generator=stream) * before[name][removed].std(correction=0)
        assert torch.equal(weights[name][removed], expected)


def test_scratch_is_the_body_of_an_untrained_model_under_the_head_of_the_seed(checkpoint):
    model, whole = load_classifier(checkpoint, 2, 5), load_classifier(checkpoint, 2, 5)
    state = torch.get_rng_state()
    draw_body(model, 5)
    assert torch.equal(state, torch.get_rng_state())
    for name, weight in model.named_parameters():
        old = whole.get_parameter(name)
        if name.startswith("classifier"):
            assert torch.equal(weight, old)
        elif "LayerNorm.weight" in name:
            assert (weight == 1).all(), name
        elif name.endswith("bias"):
            assert (weight == 0).all(), name
        else:
            drawn = weight.detach()
            assert (drawn != old).float().mean() > 0.95, name
            assert drawn.std().item() == pytest.approx(model.config.initializer_range, rel=0.3), name
    pad = model.bert.embeddings.word_embeddings.weight[model.config.pad_token_id]
    assert (pad == 0).all(), "as the architecture leaves it"
    torch.manual_seed(2**32 + 5)
    reference = BertForSequenceClassification(model.config).bert.state_dict()
    assert all(torch.equal(value, reference[name]) for name, value in model.bert.state_dict().items())


def test_another_architecture_draws_its_own_body(tmp_path):
    torch.manual_seed(1)
    model = GPT2Model(GPT2Config(vocab_size=40, n_positions=16, n_embd=16, n_layer=1, n_head=2))
    model.save_pretrained(tmp_path)
    first, second, whole = (load_classifier(tmp_path, 2, 3) for _ in range(3))
    draw_body(first, 3)
    draw_body(second, 3)
    for name, weight in first.named_parameters():
        assert torch.equal(weight, second.get_parameter(name))
        drawn = name.startswith("transformer") and weight.ndim == 2
        assert not drawn or (weight != whole.get_parameter(name)).float().mean() > 0.9, name
    draw_body(second, 4)
    assert not torch.equal(first.transformer.wte.weight, second.transformer.wte.weight)


def test_scratch_trains_all_and_prunes_nothing(checkpoint, tmp_path):
    start, seen = [], []
    run(checkpoint, tmp_path, recipe=DENSE, regime="scratch", spec=STILL, after_step=watch(start))
    outcome = run(checkpoint, tmp_path, recipe=DENSE, regime="scratch", after_step=watch(seen))
    for name, weight in seen[-1][1].items():
        assert (weight != start[0][1][name]).float().mean() > 0.99
    assert outcome.facts["sparsity"] == 0


@pytest.mark.parametrize(("recipe", "regime"), [(PRUNED, "reinit"), (DENSE, "scratch")])
def test_a_control_has_the_bits_of_its_seed(checkpoint, tmp_path, recipe, regime):
    first = run(checkpoint, tmp_path, recipe=recipe, regime=regime)
    torch.rand(3)
    assert same_bits(first, run(checkpoint, tmp_path, recipe=recipe, regime=regime))
    assert not same_bits(first, run(checkpoint, tmp_path, recipe=recipe, regime=regime, seed=6))
    other = {"reinit": ("regrow", PRUNED), "scratch": ("dense", DENSE)}[regime]
    assert not same_bits(first, run(checkpoint, tmp_path, recipe=other[1], regime=other[0]))


@pytest.mark.parametrize(
    ("recipe", "regime", "word"),
    [
        (DENSE, "reinit", "legal: dense, scratch"),
        (PRUNED, "scratch", "legal: zero-shot, sparse, .*, reinit$"),
    ],
)
def test_controls_that_do_not_fit(checkpoint, tmp_path, recipe, regime, word):
    with pytest.raises(ValueError, match=word):
        run(checkpoint, tmp_path, recipe=recipe, regime=regime)

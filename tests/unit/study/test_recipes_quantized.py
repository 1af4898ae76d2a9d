"""Sweeps that quantize: their recipes, their level in bytes, and what must not stand beside them."""

import pytest

from configs import SCHEMA, lines, user
from junkdna.compression.quantization import QuantSpec, effective_bits
from junkdna.study.check import check
from junkdna.study.figure_names import figure_names
from junkdna.study.inputs import copied_mask, masks_itself, ranking_of
from junkdna.study.recipes import expand_recipes, spec_of, sweep_recipes
from junkdna.study.regimes import legal_regimes
from junkdna.study.runs import valid_runs

RTN = {"quantizer": "rtn", "bits": [8, 4, 3, 2]}


def quantized(**changes) -> dict:
    return user(sweeps__rtn={key: value for key, value in {**RTN, **changes}.items() if value is not None})


def test_each_number_of_bits_is_a_recipe():
    config = check(quantized(), SCHEMA)
    assert config["sweeps"]["rtn"] == RTN | {"group": 0, "symmetric": True}
    assert check(config, SCHEMA) == config
    recipes = expand_recipes(config["sweeps"])
    assert sweep_recipes(config["sweeps"])["rtn"] == ["rtn-w8", "rtn-w4", "rtn-w3", "rtn-w2"]
    expected = {"family": "rtn", "level": 75.0, "method": "quantize", "quantizer": "rtn", "bits": 4}
    assert recipes["rtn-w4"] == expected | {"group": 0, "symmetric": True}
    assert list(recipes["rtn-w4"]) == sorted(recipes["rtn-w4"])
    assert [recipes[slug]["level"] for slug in ("rtn-w8", "rtn-w3", "rtn-w2")] == [50.0, 81.25, 87.5]
    assert spec_of(recipes["rtn-w3"]) == {"bits": 3, "group": 0, "quantizer": "rtn", "symmetric": True}
    assert QuantSpec.from_mapping(recipes["rtn-w3"]).bits == 3
    assert legal_regimes(recipes["rtn-w3"]) == ("zero-shot", "qat")
    assert (ranking_of(recipes["rtn-w3"]), copied_mask(recipes["rtn-w3"])) == (None, None)
    assert masks_itself(recipes["rtn-w3"], "qat")


@pytest.mark.parametrize("symmetric", [True, False])
def test_the_level_is_the_share_of_bytes_saved_scales_and_zeros_included(symmetric):
    recipes = expand_recipes(check(quantized(group=128, symmetric=symmetric), SCHEMA)["sweeps"])
    for bits in RTN["bits"]:
        recipe = recipes[f"rtn-w{bits}g128"]
        saved = 100 * (1 - effective_bits(1024, QuantSpec.from_mapping(recipe)) / 16)
        assert recipe["level"] == pytest.approx(saved, abs=1e-4)


def test_blocks_and_figures_take_a_quantized_sweep():
    config = quantized()
    config["study"]["runs"] = [{"recipes": ["rtn"], "regimes": ["qat"]}]
    config = check(config, SCHEMA)
    runs = valid_runs(config)
    assert len(runs) == 2 * 2 * (1 + 4)
    assert figure_names(config, runs) == ["claims", "performance-depth", "difficulty", "dense"]


MISTAKES = {
    "no bits": ({"bits": None}, "sweeps.rtn.bits: missing; needed: a list of bits for each weight"),
    "too few bits": (
        {"bits": [1]},
        "sweeps.rtn.bits[0]: found 1 (a number); legal: a whole number >= 2 and <= 8",
    ),
    "a level of pruning": (
        {"sparsity": [50]},
        "sweeps.rtn.sparsity: found beside quantizer; legal there: quantizer, bits, group, symmetric",
    ),
    "a score": (
        {"score": "magnitude"},
        "sweeps.rtn.score: found beside quantizer; legal there: quantizer, bits, group, symmetric",
    ),
    "neither": (
        {"quantizer": None, "bits": None},
        "sweeps.rtn: found neither score, quantizer nor source; legal: score (pruning), quantizer (quantization) or "
        "source (made elsewhere)",
    ),
    "another quantizer": (
        {"quantizer": "rtm"},
        "sweeps.rtn.quantizer: found 'rtm'; legal: rtn, gptq, nf4; did you mean 'rtn'?",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_gives_its_one_line(mistake):
    changes, expected = MISTAKES[mistake]
    assert lines(quantized(**changes)) == [expected]


def test_bits_go_with_a_quantizer_only_and_the_regime_with_the_recipe():
    assert lines(user(sweeps__magnitude__bits=[4])) == [
        "sweeps.magnitude.bits: found without quantizer; legal: beside quantizer only"
    ]
    config = quantized()
    config["study"]["runs"] = [{"recipes": ["rtn-w4"], "regimes": ["sparse"]}]
    assert lines(config) == [
        "study.runs[0].regimes: found 'sparse' with recipe rtn-w4; legal: zero-shot, qat",
    ]
    config["study"]["runs"] = [{"recipes": ["magnitude-u50"], "regimes": ["qat"]}]
    assert lines(config)[0].startswith(
        "study.runs[0].regimes: found 'qat' with recipe magnitude-u50; legal: zero-shot, sparse"
    )

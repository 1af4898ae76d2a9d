"""Checkpoints: what is fetched, what is refused, and what happens when the hub or the disk fails."""

import errno
import itertools
import json
import os
import pickle
import re
import runpy
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from transformers import AutoModel, BertConfig, BertModel, BertTokenizerFast

from junkdna.checkpoints.fetch import fetch_checkpoint
from junkdna.checkpoints.tensor_names import left_from_body
from junkdna.checkpoints.weight_files import describe_weights, read_header
from junkdna.files.artifacts import describe_file, read_json, sha256
from junkdna.files.seals import content_digest

hub_module = runpy.run_path(str(Path(__file__).parents[2] / "hub.py"))
Hub, TOKEN, point_clients_at = (hub_module[name] for name in ("Hub", "TOKEN", "point_clients_at"))
REPO = "tests/tiny-bert"


def make_bert(folder: Path, shard_size: str = "1GB") -> Path:
    torch.manual_seed(0)
    config = BertConfig(vocab_size=32, hidden_size=16, num_hidden_layers=2, num_attention_heads=2)
    config.update({"intermediate_size": 32, "max_position_embeddings": 64})
    BertModel(config).save_pretrained(folder, max_shard_size=shard_size)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "##a", "##b"]
    vocabulary = {word: i for i, word in enumerate(words)}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    BertTokenizerFast(tokenizer_object=tokenizer, vocab=vocabulary).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def bert(tmp_path_factory) -> Path:
    return make_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture
def checkpoint(bert, tmp_path) -> Path:
    """A copy of the tiny checkpoint that a test may spoil."""
    return Path(shutil.copytree(bert, tmp_path / "repository"))


@pytest.fixture
def hub(checkpoint, tmp_path, monkeypatch):
    with Hub(models={REPO: checkpoint}) as hub:
        point_clients_at(monkeypatch, hub.url, tmp_path / "home")
        yield hub


@pytest.fixture
def no_waiting(monkeypatch):
    waits = []
    monkeypatch.setattr(time, "sleep", waits.append)
    return waits


def fetch(tmp_path: Path, **source):
    return fetch_checkpoint(
        {"hub": REPO, "revision": "main", **source}, tmp_path / "out" / "tiny", name="tiny"
    )


def weights_to_pickle(checkpoint: Path) -> dict[str, torch.Tensor]:
    tensors = load_file(checkpoint / "model.safetensors")
    (checkpoint / "model.safetensors").unlink()
    torch.save(tensors, checkpoint / "pytorch_model.bin")
    return tensors


def test_a_checkpoint_from_the_hub_is_whole_and_described(hub, checkpoint, tmp_path):
    for extra in (
        "README.md",
        "onnx/model.safetensors",
        "onnx/config.json",
        "tf_model.h5",
        "pytorch_model.bin",
    ):
        (checkpoint / extra).parent.mkdir(exist_ok=True)
        (checkpoint / extra).write_text("not wanted")
    manifest = fetch(tmp_path)
    folder = tmp_path / "out" / "tiny"
    wanted = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert {path.name for path in folder.iterdir()} - {"vocab.txt"} == {*wanted, "manifest.json"}
    assert read_json(folder / "manifest.json") == manifest
    assert manifest["commit"] == hub.commit("models", REPO)
    assert manifest["model_type"] == "bert" and manifest["architectures"] == ["BertModel"]
    assert manifest["source"] == {"hub": REPO, "revision": "main"} and manifest["converted_from"] == {}
    tensors = load_file(checkpoint / "model.safetensors")
    assert manifest["parameters"] == sum(tensor.numel() for tensor in tensors.values())
    for name in wanted:
        assert (folder / name).read_bytes() == (checkpoint / name).read_bytes()
        assert manifest["files"][name] == {
            "sha256": sha256(checkpoint / name),
            "xxh3": content_digest(checkpoint / name),
            "size": (checkpoint / name).stat().st_size,
        }
    assert hub.downloads("pytorch_model.bin") == hub.downloads("README.md") == 0
    assert (folder / "model.safetensors").stat().st_nlink == 2, "the cache's copy and this one are one file"
    AutoModel.from_pretrained(folder, local_files_only=True)


def test_the_commit_of_a_revision_is_followed(hub, checkpoint, tmp_path):
    other = shutil.copytree(checkpoint, tmp_path / "other")
    save_file({"only": torch.ones(3)}, other / "model.safetensors")
    hub.repositories["models", REPO] = {"main": checkpoint, "v2": other}
    assert fetch(tmp_path, revision="v2")["parameters"] == 3
    assert fetch(tmp_path, revision=hub.commit("models", REPO, "main"))["parameters"] > 3


def test_the_environment_decides_where_from_and_who(hub, tmp_path):
    hub.gated.add(REPO)
    program = textwrap.dedent(f"""
        from pathlib import Path
        from junkdna.checkpoints.fetch import fetch_checkpoint
        manifest = fetch_checkpoint({{"hub": {REPO!r}, "revision": "main"}}, Path("tiny"), name="tiny")
        print(manifest["commit"])
    """)
    environment = os.environ | {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "elsewhere")}
    environment |= {"HF_TOKEN": TOKEN, "PYTHONPATH": str(Path(__file__).parents[3] / "workflow")}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip().endswith(hub.commit("models", REPO)), done.stderr
    assert TOKEN not in done.stderr + done.stdout
    assert (tmp_path / "elsewhere" / "hub" / "models--tests--tiny-bert").is_dir()


def test_shards_are_kept(tmp_path, monkeypatch):
    sharded = make_bert(tmp_path / "sharded", shard_size="10KB")
    assert len(list(sharded.glob("model-*.safetensors"))) > 1
    with Hub(models={REPO: sharded}) as hub:
        point_clients_at(monkeypatch, hub.url, tmp_path / "home")
        manifest = fetch(tmp_path)
        names = {path.name for path in sharded.glob("*.safetensors")} | {"model.safetensors.index.json"}
        assert names <= set(manifest["files"])
        assert manifest["parameters"] == BertModel(BertConfig.from_pretrained(sharded)).num_parameters()
        lost = sorted(sharded.glob("model-*.safetensors"))[-1]
        lost.unlink()
        with pytest.raises(FileNotFoundError, match=f"lacks {lost.name}.*model.safetensors.index.json"):
            fetch(tmp_path)


@pytest.mark.parametrize("legacy", [False, True])
def test_pickled_weights_are_converted(hub, checkpoint, tmp_path, legacy):
    tensors = weights_to_pickle(checkpoint)
    tensors["tied"] = tensors["embeddings.word_embeddings.weight"]
    torch.save(tensors, checkpoint / "pytorch_model.bin", _use_new_zipfile_serialization=not legacy)
    manifest = fetch(tmp_path)
    assert manifest["converted_from"]["pytorch_model.bin"]["sha256"] == sha256(
        checkpoint / "pytorch_model.bin"
    )
    assert "pytorch_model.bin" not in manifest["files"]
    converted = load_file(tmp_path / "out" / "tiny" / "model.safetensors")
    assert converted.keys() == tensors.keys()
    assert all(torch.equal(converted[name], tensors[name]) for name in tensors)


def test_pickled_shards_are_converted(hub, checkpoint, tmp_path):
    tensors = weights_to_pickle(checkpoint)
    (checkpoint / "pytorch_model.bin").unlink()
    shards = {f"pytorch_model-0000{i + 1}-of-00002.bin": dict(list(tensors.items())[i::2]) for i in range(2)}
    for file, shard in shards.items():
        torch.save(shard, checkpoint / file)
    weight_map = {name: file for file, shard in shards.items() for name in shard}
    (checkpoint / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": weight_map}))
    assert set(fetch(tmp_path)["converted_from"]) == {*shards, "pytorch_model.bin.index.json"}
    model = AutoModel.from_pretrained(tmp_path / "out" / "tiny", local_files_only=True)
    assert all(torch.equal(value, tensors[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("calls", ["an unknown name", "a blocked one", "a known one"])
def test_a_pickle_that_runs_code_is_refused(hub, checkpoint, tmp_path, legacy, calls):
    class Evil:
        def __reduce__(self):
            return call

    weights_to_pickle(checkpoint)
    file = checkpoint / "pytorch_model.bin"
    call = {
        "an unknown name": (Path.touch, (tmp_path / "ran",)),
        "a blocked one": (os.system, (f"touch {tmp_path / 'ran'}",)),
        "a known one": (eval, (f"open({str(tmp_path / 'ran')!r}, 'w')",)),
    }[calls]
    torch.save({"weight": Evil()}, file, _use_new_zipfile_serialization=not legacy)
    for content in (file.read_bytes(), pickle.dumps({"weight": Evil()}, protocol=2)):
        file.write_bytes(content)
        with pytest.raises(
            ValueError, match="checkpoints.tiny.source.hub.*pytorch_model.bin holds more"
        ) as e:
            fetch(tmp_path)
        assert "could run code and is refused" in str(e.value) and "it calls " in str(e.value)
        # torch advises to run it after all.
        assert "weights_only" not in str(e.value) and "safe_globals" not in str(e.value)
        assert "\n" not in str(e.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.3, 0.9, 0.999])
def test_a_truncated_pickle_is_told_in_one_line(checkpoint, tmp_path, legacy, share):
    tensors = weights_to_pickle(checkpoint)
    file = checkpoint / "pytorch_model.bin"
    torch.save(tensors, file, _use_new_zipfile_serialization=not legacy)
    os.truncate(file, int(file.stat().st_size * share))
    with pytest.raises(ValueError, match="source.path.*pytorch_model.bin is (cut off|no file of torch)") as e:
        fetch_checkpoint({"path": str(checkpoint)}, tmp_path / "out" / "tiny", name="tiny")
    assert "\n" not in str(e.value) and "weights_only" not in str(e.value)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>not found</html>", "no file of torch: it starts with b'<htm'"),
        (b"version https://git-lfs.github.com/spec/v1", "no file of torch"),
        ({"state_dict": {"a": torch.ones(2), "step": 3}}, "'step' is no tensor; save the model's state_dict"),
        ([torch.ones(2)], "'list' is no tensor"),
    ],
)
def test_what_is_no_set_of_weights_is_no_checkpoint(content, message, checkpoint, tmp_path):
    weights_to_pickle(checkpoint)
    if isinstance(content, bytes):
        (checkpoint / "pytorch_model.bin").write_bytes(content)
    else:
        torch.save(content, checkpoint / "pytorch_model.bin")
    with pytest.raises(ValueError, match=message):
        fetch_checkpoint({"path": str(checkpoint)}, tmp_path / "out", name="tiny")


def spoil_config(**changes):
    def spoil(folder):
        config = json.loads((folder / "config.json").read_text()) | changes
        (folder / "config.json").write_text(json.dumps({k: v for k, v in config.items() if v is not None}))

    return spoil


def truncate(folder):
    os.truncate(folder / "model.safetensors", (folder / "model.safetensors").stat().st_size - 100)


def remove(*names):
    def spoil(folder):
        for name in names:
            (folder / name).unlink(missing_ok=True)

    return spoil


SPOILT = {
    "no config": (remove("config.json"), "no config.json"),
    "no model_type": (spoil_config(model_type=None), "names no model_type"),
    "unknown model_type": (spoil_config(model_type="brt"), "'brt'.*did you mean 'bert'"),
    "not a model of text": (spoil_config(model_type="vit"), "'vit'.*no model of text"),
    "no tokenizer": (remove("tokenizer.json", "vocab.txt"), "no tokenizer"),
    "no weights": (remove("model.safetensors"), "neither model.safetensors"),
    "cut off": (truncate, "model.safetensors is cut off or corrupt"),
    "a page": (lambda f: (f / "model.safetensors").write_text("<html>" * 99), "no whole safetensors file"),
    "escaping index": (
        lambda f: (
            remove("model.safetensors")(f),
            (f / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../../secret"}}'),
        ),
        "files outside its own folder",
    ),
}


@pytest.mark.parametrize("case", SPOILT)
@pytest.mark.parametrize("kind", ["hub", "path"])
def test_an_unusable_checkpoint_is_refused(case, kind, hub, checkpoint, tmp_path):
    spoil, message = SPOILT[case]
    spoil(checkpoint)
    source = {"hub": REPO, "revision": "main"} if kind == "hub" else {"path": str(checkpoint)}
    with pytest.raises((ValueError, FileNotFoundError), match=f"checkpoints.tiny.source.{kind}.*{message}"):
        fetch_checkpoint(source, tmp_path / "out" / "tiny", name="tiny")
    assert list((tmp_path / "out").iterdir()) == []
    if case not in ("cut off", "a page"):
        assert hub.downloads("model.safetensors") == 0, "found before the large download"


def test_auto_map_of_a_known_architecture_is_no_obstacle(hub, checkpoint, tmp_path):
    spoil_config(auto_map={"AutoModel": "modeling_evil.Evil"})(checkpoint)
    (checkpoint / "modeling_evil.py").write_text("raise SystemExit('ran')")
    assert "modeling_evil.py" not in fetch(tmp_path)["files"]


def test_unknown_names_are_told_apart(hub, checkpoint, tmp_path, monkeypatch):
    hub.repositories["models", REPO] = {"main": checkpoint, "v1.0": checkpoint}
    with pytest.raises(ValueError, match=r"source.hub: .* has no model 'tests/tiny-brt'.*private.*HF_TOKEN"):
        fetch(tmp_path, hub="tests/tiny-brt")
    with pytest.raises(ValueError, match=r"source.revision: .*'v1.O'; did you mean 'v1.0'.*main"):
        fetch(tmp_path, revision="v1.O")
    with pytest.raises(ValueError, match=r"no revision 'aaaaaaaaaa.*full commit hash"):
        fetch(tmp_path, revision="a" * 40)
    with pytest.raises(ValueError, match="source.hub: 'a/b/c' is no repository id"):
        fetch(tmp_path, hub="a/b/c")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with pytest.raises(ValueError, match="has no model 'tests/tiny-brt'"):
        fetch(tmp_path, hub="tests/tiny-brt")


def test_a_gated_repository_needs_the_right_token(hub, tmp_path, monkeypatch):
    hub.gated.add(REPO)
    with pytest.raises(ValueError, match="gated and no token.*Accept its terms at http") as caught:
        fetch(tmp_path)
    assert caught.value.__suppress_context__
    monkeypatch.setenv("HF_TOKEN", "hf_a_wrong_secret")
    with pytest.raises(ValueError, match="gated and the token in use") as caught:
        fetch(tmp_path)
    assert "secret" not in str(caught.value)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert fetch(tmp_path)["commit"]


def test_a_token_that_is_no_longer_valid_is_told(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    with pytest.raises(ValueError, match=r"refused access \(401\) with the token in use.*HF_TOKEN") as caught:
        fetch(tmp_path)
    assert "hf_expired" not in str(caught.value)


def test_a_password_in_the_endpoint_is_not_shown(hub, tmp_path, monkeypatch):
    point_clients_at(monkeypatch, hub.url.replace("//", "//user:secret@"), tmp_path / "home")
    with pytest.raises(ValueError, match="has no model") as caught:
        fetch(tmp_path, hub="tests/nothing")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("trouble", [{"fail_every": 3}, {"fail_downloads": 3}, {"cut_downloads": 3}])
def test_passing_trouble_is_waited_out(trouble, hub, checkpoint, tmp_path, no_waiting):
    vars(hub).update(trouble)
    assert fetch(tmp_path)["commit"] == hub.commit("models", REPO)
    copied = tmp_path / "out" / "tiny" / "model.safetensors"
    assert copied.read_bytes() == (checkpoint / "model.safetensors").read_bytes()
    if "fail_every" in trouble:  # The client's own retries may have been enough.
        assert len(hub.requests) >= 3, "there was no trouble"
    else:
        assert no_waiting, "there was no trouble"


def test_lasting_trouble_ends_in_one_error(hub, tmp_path, no_waiting):
    hub.fail_every = 1
    with pytest.raises(RuntimeError, match="still answered 503 after 5 tries"):
        fetch(tmp_path)
    assert len(hub.requests) < 50 and max(no_waiting) <= 8


def test_offline_the_cache_must_have_it(hub, tmp_path, monkeypatch):
    def offline():
        point_clients_at(monkeypatch, "http://127.0.0.1:9", tmp_path / "home", offline=True)

    offline()
    with pytest.raises(RuntimeError, match="source.hub.*cache.*HF_HUB_OFFLINE"):
        fetch(tmp_path)
    point_clients_at(monkeypatch, hub.url, tmp_path / "home")
    first = fetch(tmp_path)
    asked = len(hub.requests)
    offline()
    assert fetch(tmp_path) == first == fetch(tmp_path, revision=first["commit"]) | {"source": first["source"]}
    weights = next((tmp_path / "home" / "hub").glob("models--*/snapshots/*/model.safetensors"))
    weights.unlink()
    with pytest.raises(RuntimeError, match="not wholly, in the cache.*HF_HUB_OFFLINE"):
        fetch(tmp_path)
    assert len(hub.requests) == asked


def test_without_network_the_cache_serves(hub, tmp_path, monkeypatch, no_waiting):
    point_clients_at(monkeypatch, "http://127.0.0.1:9", tmp_path / "home")
    with pytest.raises(RuntimeError, match="no working connection to http://127.0.0.1:9"):
        fetch(tmp_path)
    point_clients_at(monkeypatch, hub.url, tmp_path / "home")
    first = fetch(tmp_path)
    point_clients_at(monkeypatch, "http://127.0.0.1:9", tmp_path / "home")
    assert fetch(tmp_path) == first


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
@pytest.mark.parametrize("keep", [slice(None), slice(100)])
def test_a_rotten_cache_is_found(hub, tmp_path, monkeypatch, capsys, name, keep):
    first = fetch(tmp_path)
    (blob,) = (path.resolve() for path in (tmp_path / "home" / "hub").glob(f"models--*/snapshots/*/{name}"))
    content = bytearray(blob.read_bytes()[keep])
    content[-1] ^= 1
    blob.write_bytes(content)
    where = "checkpoints.tiny.source.hub: 'tests/tiny-bert'"
    point_clients_at(monkeypatch, "http://127.0.0.1:9", tmp_path / "home", offline=True)
    with pytest.raises(
        RuntimeError, match=f"{where}: {blob} .{name}. is damaged: the hub promises {blob.name}"
    ):
        fetch(tmp_path)
    point_clients_at(monkeypatch, hub.url, tmp_path / "home")
    assert fetch(tmp_path) == first
    assert f"{where}: {blob} ({name}) is damaged" in capsys.readouterr().out
    assert hub.downloads(name) == 2


def test_a_download_that_is_damaged_is_fetched_again_and_refused_the_second_time(hub, tmp_path):
    hub.flip_downloads = 1
    first = fetch(tmp_path)
    shutil.rmtree(tmp_path / "home" / "hub")
    hub.flip_downloads = 99
    with pytest.raises(RuntimeError, match="checkpoints.tiny.source.hub: .*is damaged.*the second time too"):
        fetch(tmp_path)
    hub.flip_downloads = 0
    assert fetch(tmp_path) == first


def test_a_failed_fetch_leaves_the_old_checkpoint(hub, checkpoint, tmp_path):
    fetch(tmp_path)
    folder = tmp_path / "out" / "tiny"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    truncate(checkpoint)
    with pytest.raises(ValueError, match="cut off"):
        fetch(tmp_path)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"]


def test_a_local_folder_is_copied(checkpoint, tmp_path):
    manifest = fetch_checkpoint({"path": str(checkpoint)}, tmp_path / "out", name="mine")
    assert manifest["commit"] is None and manifest["source"] == {"path": str(checkpoint)}
    weights = tmp_path / "out" / "model.safetensors"
    assert weights.read_bytes() == (checkpoint / "model.safetensors").read_bytes()
    assert weights.stat().st_nlink == 1, "a later save into the user's folder must not change ours"
    with pytest.raises(FileNotFoundError, match="checkpoints.mine.source.path.*did you mean 'repository'"):
        fetch_checkpoint({"path": str(tmp_path / "repositry")}, tmp_path / "out", name="mine")


def test_a_full_disk_passes_through(checkpoint, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space left") as caught:
        fetch_checkpoint({"path": str(checkpoint)}, tmp_path / "out", name="mine")
    assert caught.value.errno == errno.ENOSPC and not list(tmp_path.glob(".out*"))


def test_headers_agree_with_safetensors(bert, tmp_path):
    kinds = [torch.float32, torch.bfloat16, torch.int64, torch.bool, torch.float8_e4m3fn]
    tensors = {str(kind): torch.ones(3, 4).to(kind) for kind in kinds} | {"empty": torch.zeros(0, 2)}
    save_file(tensors, tmp_path / "model.safetensors", metadata={"a": "b"})
    header = read_header(tmp_path / "model.safetensors")
    assert {name: tuple(entry["shape"]) for name, entry in header.items()} == {
        name: tuple(tensor.shape) for name, tensor in tensors.items()
    }
    content = (tmp_path / "model.safetensors").read_bytes()
    for spoilt in (content[:-1], content + b"x", content[:5], b"", content.replace(b"[3,4]", b"[3,5]", 1)):
        (tmp_path / "model.safetensors").write_bytes(spoilt)
        with pytest.raises(ValueError, match="model.safetensors"):
            read_header(tmp_path / "model.safetensors")


def edit_weights(folder: Path, change) -> None:
    """Change the tensors of a folder as `change` does to their dict."""
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors")


def refused(checkpoint: Path, tmp_path: Path) -> str:
    """What is said of a local checkpoint: one line, and nothing is left of it."""
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        fetch_checkpoint({"path": str(checkpoint)}, tmp_path / "out" / "tiny", name="tiny")
    assert list((tmp_path / "out").iterdir()) == [] and "\n" not in str(caught.value)
    assert str(caught.value).startswith("checkpoints.tiny.source.path: ")
    return str(caught.value)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_values_that_are_no_numbers_are_counted_by_tensor(dtype, checkpoint, tmp_path):
    def spoil(tensors):
        for name in tensors:
            tensors[name] = tensors[name].to(dtype)
        tensors["embeddings.word_embeddings.weight"][3, 5:8] = float("nan")
        tensors["encoder.layer.1.output.dense.bias"][2] = -float("inf")
        # The largest number is one, and so is the smallest.
        tensors["encoder.layer.0.output.dense.bias"][:2] = torch.finfo(dtype).max
        tensors["encoder.layer.0.output.dense.bias"][2] = torch.finfo(dtype).smallest_normal / 2

    edit_weights(checkpoint, spoil)
    told = refused(checkpoint, tmp_path)
    assert "model.safetensors holds values that are NaN or infinite: " in told
    assert "3 of 512 in 'embeddings.word_embeddings.weight'; " in told
    assert "1 of 16 in 'encoder.layer.1.output.dense.bias'" in told and "layer.0" not in told


def test_infinite_masks_of_old_files_are_no_weights(checkpoint, tmp_path):
    # GPT-Neo and GPT-J in half precision: -1e9 became -inf.
    edit_weights(
        checkpoint, lambda t: t.update({"encoder.layer.0.attn.masked_bias": torch.tensor(-float("inf"))})
    )
    assert fetch_checkpoint({"path": str(checkpoint)}, tmp_path / "out", name="tiny")["parameters"]


def test_a_file_is_read_once_for_its_hash_and_its_values(tmp_path, monkeypatch):
    monkeypatch.setattr("junkdna.checkpoints.weight_files.PIECE", 64)
    torch.manual_seed(0)
    tensors = {"a": torch.randn(37, 5), "b": torch.randn(7).half(), "c": torch.zeros(0), "d": torch.arange(9)}
    file = tmp_path / "model.safetensors"
    save_file(tensors, file, metadata={"format": "pt"})
    reads = []
    opened = Path.open
    monkeypatch.setattr(Path, "open", lambda path, *a, **k: reads.append(path) or opened(path, *a, **k))
    found = describe_weights(file)
    assert reads == [file, file], "its header and itself"
    assert found == describe_file(file)
    # In the last place of a piece, and in the last of the file's tensor.
    for place in (15, 16, 184):
        tensors["a"].view(-1)[place] = float("inf")
    save_file(tensors, file)
    with pytest.raises(ValueError, match="NaN or infinite: 3 of 185 in 'a'"):
        describe_weights(file)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (
            {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
            "quantized already: config.json has a quantization_config (method bitsandbytes, 4 bits)",
        ),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "(method gptq, 4 bits)"),
        ({"quantization_config": {"quant_method": "awq", "bits": 4}}, "(method awq, 4 bits)"),
        ({"quantization_config": {"quant_method": "compressed-tensors"}}, "(method compressed-tensors)"),
        ({"compression_config": {"quant_method": "compressed-tensors"}}, "has a compression_config"),
        ({"encoder": {"quantization_config": {"quant_method": "fp8"}}}, "(method fp8)"),
    ],
)
def test_a_quantized_checkpoint_is_refused_before_its_download(config, told, hub, checkpoint, tmp_path):
    spoil_config(**config)(checkpoint)
    with pytest.raises(ValueError, match=re.escape(told) + ".*Take the checkpoint that it was made from"):
        fetch(tmp_path)
    assert hub.downloads("model.safetensors") == 0


def test_files_of_quantizers_give_them_away(checkpoint, tmp_path):
    (checkpoint / "quantize_config.json").write_text('{"bits": 4}')
    assert "is quantized already: it has quantize_config.json, as GPTQ" in refused(checkpoint, tmp_path)


def to_codes(name, dtype):
    return lambda tensors: tensors.update({name: tensors[name].to(dtype)})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            to_codes("encoder.layer.0.output.dense.weight", torch.int8),
            "layer.0.output.dense.weight' of type I8",
        ),
        (to_codes("encoder.layer.0.output.dense.bias", torch.int64), "of type I64"),
        (to_codes("encoder.layer.0.output.dense.weight", torch.float8_e4m3fn), "of type F8_E4M3"),
        (to_codes("encoder.layer.0.output.dense.weight", torch.float8_e5m2), "of type F8_E5M2"),
        # bitsandbytes, 4 bits: two codes a byte; GPTQ: eight codes an int32.
        (lambda t: t.update({"x.weight": torch.ones(64, 1, dtype=torch.uint8)}), "'x.weight' of type U8"),
        (lambda t: t.update({"x.qweight": torch.ones(8, 16, dtype=torch.int32)}), "'x.qweight' of type I32"),
    ],
)
def test_weights_of_integers_or_8_bits_are_refused(change, told, checkpoint, tmp_path):
    edit_weights(checkpoint, change)
    said = refused(checkpoint, tmp_path)
    assert "model.safetensors is quantized already: 1 of its tensors" in said and told in said
    assert "legal are F64, F32, F16, BF16" in said


def test_buffers_of_integers_are_legal(checkpoint, tmp_path):
    before = fetch_checkpoint({"path": str(checkpoint)}, tmp_path / "out", name="tiny")["parameters"]
    buffers = {
        "embeddings.position_ids": torch.arange(64)[None],
        "encoder.layer.0.attn.bias": torch.ones(1, 1, 8, 8, dtype=torch.bool),
        "encoder.version": torch.tensor([3]),
        "steps": torch.arange(5),
    }
    edit_weights(checkpoint, lambda tensors: tensors.update(buffers))
    again = fetch_checkpoint({"path": str(checkpoint)}, tmp_path / "out", name="tiny")
    assert again["parameters"] == before


def test_a_model_of_several_models_is_refused(hub, checkpoint, tmp_path):
    spoil_config(
        model_type="gemma3", text_config={"model_type": "gemma3_text"}, vision_config={"model_type": "siglip"}
    )(checkpoint)
    told = "a 'gemma3' of several models .text_config, vision_config.*of model_type 'gemma3_text'"
    with pytest.raises(ValueError, match=told):
        fetch(tmp_path)
    assert hub.downloads("model.safetensors") == 0
    spoil_config(text_config=None, vision_config=None)(checkpoint)
    assert "a 'gemma3' of several models" in refused(checkpoint, tmp_path)


def test_a_tokenizer_without_a_vocabulary_is_refused(checkpoint, tmp_path):
    for name in ("tokenizer.json", "vocab.txt"):
        (checkpoint / name).unlink(missing_ok=True)
    spoil_config(model_type="canine")(checkpoint)
    assert "its CanineTokenizer reads characters or bytes" in refused(checkpoint, tmp_path)
    spoil_config(model_type="t5")(checkpoint)
    (checkpoint / "tokenizer_config.json").write_text('{"tokenizer_class": "ByT5Tokenizer"}')
    assert "its ByT5Tokenizer reads characters or bytes" in refused(checkpoint, tmp_path)


def test_a_missing_expert_is_named(checkpoint, tmp_path):
    def mixture(tensors, lost):
        for layer, number, part in itertools.product(range(2), range(12), ("w1", "w2")):
            name = f"model.layers.{layer}.mlp.experts.{number}.{part}.weight"
            if name not in lost:
                tensors[name] = torch.ones(2, 3)

    name = "model.layers.1.mlp.experts.{}.w1.weight"
    edit_weights(checkpoint, lambda tensors: mixture(tensors, ()))
    assert fetch_checkpoint({"path": str(checkpoint)}, tmp_path / "whole", name="tiny")["parameters"]
    # One in the middle, and the last of one layer, of which only the other layer tells.
    for lost in ([name.format(3)], [name.format(11), name.format(11).replace("w1", "w2")]):
        edit_weights(checkpoint, lambda tensors, lost=lost: [tensors.pop(each) for each in lost])
        said = refused(checkpoint, tmp_path)
        assert f"{len(lost)} tensors of experts are missing" in said and f"such as {lost[0]!r}" in said
        edit_weights(checkpoint, lambda tensors: mixture(tensors, ()))


def test_what_is_left_of_a_file_is_of_its_task_or_of_its_body():
    children = ("embeddings", "encoder", "pooler")
    of_body = ["encoder.layer.2.output.dense.weight", "encoder.layer.10.output.dense.weight"]
    of_body += ["bert.embeddings.extra.weight", "bert.encoder.layer.0.q.lora_A.weight", "bert.norm.weight"]
    of_task = ["cls.predictions.bias", "lm_head.weight", "classifier.weight", "bert.pooler.dense.bias"]
    of_task += ["pooler.dense.weight", "qa_outputs.bias", "bert.decoder.layers.0.k.weight"]
    buffers = ["bert.embeddings.position_ids", "encoder.layer.0.rotary_emb.inv_freq"]
    buffers += ["encoder.layer.0.attn.bias", "encoder.layer.0.attention.masked_bias"]
    found = left_from_body([*of_task, *of_body[::-1], *buffers], prefix="bert", children=children)
    assert sorted(found) == sorted(of_body)
    assert found.index(of_body[0]) < found.index(of_body[1]), "by number, not by spelling"
    # The decoder of a model that has one is its body.
    assert left_from_body(["decoder.x"], prefix="model", children=("encoder", "decoder")) == ["decoder.x"]

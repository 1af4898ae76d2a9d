"""Pre-train a small masked language model on a generated corpus."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
P=dict(ask=0.85,hide=0.02,swap=0.0,init=0.05,beta2=0.98,wd=0.01,clip=1.0,warm=0.06,decay=0.3)


def build_tokenizer(corpus):
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    words = sorted({w.lstrip("_") for line in corpus for w in line.split()} - set(SPECIAL))
    vocab = {w: i for i, w in enumerate((*SPECIAL, *words))}
    t = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
    t.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    t.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return PreTrainedTokenizerFast(tokenizer_object=t, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]", model_max_length=32)


def encode(corpus, tok):
    groups = {}
    for line in corpus:
        parts = line.split(" [SEP] ")
        words = [[w for w in p.split()] for p in parts]
        ids, seg, ask = [2], [0], [0]
        for s, ws in enumerate(words):
            ids += tok.convert_tokens_to_ids([w.lstrip("_") for w in ws]) + [3]
            seg += [s] * (len(ws) + 1)
            ask += [int(w[0] == "_") for w in ws] + [0]
        groups.setdefault(len(ids), []).append((ids, seg, ask))
    return {n: torch.tensor(g) for n, g in sorted(groups.items())}


def batches(groups, rng, B):
    while True:
        bs = []
        for n, g in groups.items():
            p = rng.permutation(len(g))
            bs += [(n, p[i:i + B]) for i in range(0, len(g), B)]
        for i in rng.permutation(len(bs)):
            n, p = bs[i]
            yield groups[n][p]


def pretrain(corpus, *, folder, seed, steps, batch_size, learning_rate, hidden, layers, heads, threads, probe=None):
    torch.set_num_threads(threads)
    tok = build_tokenizer(corpus)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    cfg = BertConfig(vocab_size=len(tok), hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=4 * hidden, max_position_embeddings=32, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, initializer_range=P["init"], attn_implementation="eager")
    m = BertForMaskedLM(cfg)
    opt = torch.optim.AdamW(m.parameters(), lr=learning_rate, weight_decay=P["wd"], betas=(0.9, P["beta2"]), fused=True)
    warm = int(steps * P["warm"])
    sch = torch.optim.lr_scheduler.LambdaLR(opt, lambda i: min(1.0, (i + 1) / warm, max(0.0, (steps - i) / (steps*P['decay']))))
    groups = encode(corpus, tok)
    t0 = time.process_time(); ntok = 0; ls = []
    for step, b in enumerate(batches(groups, rng, batch_size), 1):
        x, seg, ask = b.unbind(1)
        u = torch.rand(x.shape); v = torch.rand(x.shape)
        lab = torch.where(ask.bool(), u < P["ask"], (x > 4) & (u < P["hide"]))
        if not lab.any(): lab = ask.bool()
        xi = x.clone(); xi[lab] = 4
        sw = lab & ask.bool() & (v < P["swap"])
        if sw.any():
            xi[sw]= x[ask.bool()][torch.randint(int(ask.sum()),(int(sw.sum()),))]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            h = m.bert(xi, token_type_ids=seg).last_hidden_state
            lo = m.cls(h[lab])
        loss = torch.nn.functional.cross_entropy(lo.float(), x[lab])
        loss.backward()
        if P["clip"]: torch.nn.utils.clip_grad_norm_(m.parameters(), P["clip"])
        opt.step(); opt.zero_grad(); sch.step()
        ntok += x.numel(); ls.append(loss.detach())
        if step % 400 == 0 or step == steps:
            print(step, f"cpu {time.process_time()-t0:.0f}s {ntok/1e6:.2f}Mtok loss {torch.stack(ls[-100:]).mean():.3f}", probe(m, tok) if probe else "", flush=True)
        if step == steps: break
    m.save_pretrained(folder); tok.save_pretrained(folder)
    return {}

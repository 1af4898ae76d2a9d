"""What the device offers: native bf16, its autocast, and the memory that was used."""

import resource
from contextlib import AbstractContextManager, nullcontext

import torch


def has_native_bf16(device: torch.device) -> bool:
    """Tell whether `device` computes bf16 products in hardware (an emulation would be slower than fp32)."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    features = torch.cpu.get_capabilities()
    return bool(features.get("avx512_bf16") or features.get("amx_bf16"))


def choose_precision(precision: str, device: torch.device) -> str:
    """Return "bf16" or "fp32" for one of specs.PRECISIONS; `auto` takes bf16 where it is native."""
    if precision == "auto":
        return "bf16" if has_native_bf16(device) else "fp32"
    return precision


def weights_dtype(precision: str) -> torch.dtype:
    """The dtype of the weights of a model that does not train: that of the forward pass, so one copy is enough."""
    return torch.bfloat16 if precision == "bf16" else torch.float32


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Return the context of a forward pass in `precision` ("bf16" or "fp32")."""
    return torch.autocast(device.type, dtype=torch.bfloat16) if precision == "bf16" else nullcontext()


def synchronize(device: torch.device) -> None:
    """Wait for the work queued on `device`, so that a clock read afterwards counts it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_memory_mb(device: torch.device) -> float:
    """Return the peak memory in MiB: allocated by torch on a GPU, resident in this process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10

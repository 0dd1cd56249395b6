"""What training asks of the processor: its memory kept between steps, its fast numbers."""

from __future__ import annotations

import ctypes
import sys

import torch

# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4


def keep_freed_memory() -> None:
    """Let glibc keep what a step frees, for the next step.

    Activations are large and short-lived; given back to the system and fetched again page by page,
    they cost two thirds of the time of a step. Other C libraries are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, -1)


def has_bfloat16(device: torch.device) -> bool:
    """Tell whether this device multiplies bfloat16 in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(device.type == "cpu" and probe and probe())

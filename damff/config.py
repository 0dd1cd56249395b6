"""One reading of DAMFF's paper: what its text leaves open, and the shapes that follow.

Needs no torch, so that a checkpoint's settings can be compared with its ONNX graphs' without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from mer_plugins.sequence.checks import check_dropout, check_sizes, check_tuple, check_types

Kernel = tuple[int, int]

# Branch kernels of layer 1 and of layers 2 and 3, (frequency, time): figure 4, sections 3.1, 4.4.2.
CNN_VARIANTS: dict[str, tuple[tuple[Kernel, Kernel], tuple[Kernel, Kernel]]] = {
    "hybrid": (((3, 1), (1, 5)), ((3, 3), (5, 5))),
    "t-f": (((3, 1), (1, 5)), ((3, 1), (1, 5))),
    "square": (((3, 3), (5, 5)), ((3, 3), (5, 5))),
    "t-s": (((1, 5), (1, 5)), ((3, 3), (5, 5))),
    "f-s": (((3, 1), (3, 1)), ((3, 3), (5, 5))),
}

Fusion = Literal["scam", "attention-map", "attended-sum", "channel", "spatial", "sum", "aff"]
FUSIONS: tuple[Fusion, ...] = get_args(Fusion)


@dataclass(frozen=True)
class DAMFFConfig:
    """One reading of the paper.

    Parameters
    ----------
    cnn : str
        Architecture of table 1: ``hybrid``, ``t-f``, ``square``, ``t-s`` or ``f-s``. Every layer
        keeps two branches, so the shapes after it are the same in all five, unless
        `single_branch`.
    fusion : str
        ``scam``: the paper's (equations 1 to 4). Table 3: ``attention-map`` (without fusion
        strategy, the literal reading: X' goes on), ``attended-sum`` (the other reading: X * X'),
        ``spatial`` (without channel attention), ``channel`` (without spatial attention), ``sum``
        (without DAFF: A + B). ``aff``: attentional feature fusion of reference [36].
    n_mels, n_frames : int
        Size of a segment.
    channels : tuple of int
        Channels a branch in layers 1, 2 and 3 (open in the text: figure 1).
    reduction : int
        Bottleneck of both attentions (open; reference [36]'s code has 4).
    hidden : int
        BiLSTM units per direction (open).
    outputs : int
        1: one model per dimension, as published; 2: a shared trunk with two heads.
    axis_order : str
        ``frequency-time``: a 3x1 kernel spans three mel bands, as section 3.1 defines it;
        ``time-frequency``: it spans three frames.
    raw_view : bool
        Equation 2's "view operation" taken literally, which scrambles channels and positions;
        False is the mean over channels that the text describes.
    dropout : float
        Before the BiLSTM; the paper mentions none.
    pool : int
        Side of the maximum pooling after every convolution (open).
    join : str
        ``time``: layer 1's branches follow each other in time, as section 3.1 says, with a seam in
        the middle that later kernels cross; ``channel``: they lie on each other, as in layer 2.
    single_branch : bool
        For ``t-s`` and ``f-s``: layer 1 has its kernel once and not twice, which halves the width
        of everything after it.
    reduce : str
        "After reducing dimension" (section 3.3): ``channel``, a 1x1 convolution to `reduced`;
        ``time-mean``, the mean over time of each channel and band; ``flatten``, nothing is reduced.
    reduced : int
        Channels that are left where `reduce` is ``channel`` (open; one is the narrowest reading).
    layers : int
        BiLSTM layers (open).
    output : str
        ``linear``, or ``tanh``, which keeps values within [-1, 1].
    """

    cnn: str = "hybrid"
    fusion: Fusion = "scam"
    n_mels: int = 128
    n_frames: int = 50
    channels: tuple[int, int, int] = (8, 16, 64)
    reduction: int = 4
    hidden: int = 64
    outputs: int = 2
    axis_order: Literal["frequency-time", "time-frequency"] = "frequency-time"
    raw_view: bool = False
    dropout: float = 0.0
    pool: int = 2
    join: Literal["time", "channel"] = "time"
    single_branch: bool = False
    reduce: Literal["channel", "time-mean", "flatten"] = "channel"
    reduced: int = 1
    layers: int = 1
    output: Literal["linear", "tanh"] = "linear"

    def __post_init__(self) -> None:
        check_types(self)
        check_sizes(self, "n_mels", "n_frames", "reduction", "hidden", "pool", "reduced", "layers")
        check_tuple(self, "channels", 3)
        check_dropout(self.dropout)
        if self.cnn not in CNN_VARIANTS:
            raise ValueError(f"cnn is {self.cnn!r}: expected one of {', '.join(CNN_VARIANTS)}")
        if self.outputs not in (1, 2):
            raise ValueError(f"outputs is {self.outputs!r}: expected 1 or 2")
        if self.single_branch and self.cnn not in ("t-s", "f-s"):
            raise ValueError(
                f"single_branch goes with t-s and f-s, whose first layer has one kernel twice: "
                f"cnn is {self.cnn!r}, expected one of these"
            )
        if self.reduced != 1 and self.reduce != "channel":
            raise ValueError(
                f"reduced goes with reduce = channel: reduced is {self.reduced}, expected 1 where "
                f"reduce is {self.reduce}"
            )
        self._check_map()

    def _check_map(self) -> None:
        f, n = self.map_size
        if min(f, n) < 1:
            raise ValueError(
                f"a segment of {self.n_mels} bands x {self.n_frames} frames is too small "
                f"for three poolings by {self.pool}: expected larger segments or a smaller pool"
            )
        if self.reduction > min(self.channels[-1], f * n):
            raise ValueError(
                f"reduction is {self.reduction}: expected at most the {self.channels[-1]} channels "
                f"and the {f * n} positions it reduces"
            )

    @property
    def kernels(self) -> tuple[tuple[Kernel, ...], tuple[Kernel, Kernel]]:
        """Branch kernels of layer 1 and of layers 2 and 3, (frequency, time)."""
        first, later = CNN_VARIANTS[self.cnn]
        if self.axis_order == "time-frequency":
            first, later = _turned(first), _turned(later)
        return first[:1] if self.single_branch else first, later

    @property
    def map_size(self) -> tuple[int, int]:
        """Frequency and time size of A and B: three poolings, with what is joined along time."""
        branches = len(self.kernels[0]) if self.join == "time" else 1
        return self.n_mels // self.pool**3, self.n_frames // self.pool * branches // self.pool**2


def _turned(kernels: tuple[Kernel, Kernel]) -> tuple[Kernel, Kernel]:
    (h_a, w_a), (h_b, w_b) = kernels
    return (w_a, h_a), (w_b, h_b)

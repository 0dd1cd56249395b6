"""Training throughput: seconds of audio a second, float32 and bfloat16, all cores, by turns.

DAMFF with the recipe of the bundled checkpoints, augmentation included, on log-mel of noise; a run
is one pass over the excerpts.
"""

from __future__ import annotations

import os

import numpy as np
import torch
from machine import by_turns, figure, parser, table, write_section

from damff.config import DAMFFConfig
from damff.model import DAMFFNet
from damff.recipes import RECIPES
from mer_plugins.sequence.excerpts import LabelledTrack
from mer_plugins.sequence.processor import has_bfloat16
from mer_plugins.sequence.training import Trainer


def tracks(count: int, segments: int, shape: tuple[int, int]) -> list[LabelledTrack]:
    rng = np.random.default_rng(0)
    made = []
    for i in range(count):
        sound = rng.normal(-6, 2, (segments, *shape)).astype(np.float32)
        labels = rng.uniform(-1, 1, (segments, 2)).astype(np.float32)
        made.append(LabelledTrack(str(i), sound, labels, np.ones(segments, bool), copies=(sound,)))
    return made


def trainer(data: list[LabelledTrack], *, bfloat16: bool) -> Trainer:
    made = Trainer(DAMFFNet(DAMFFConfig()), RECIPES["robust"], data)
    made.bfloat16 = bfloat16
    return made


def main() -> None:
    options = parser(__doc__, repeats=5).parse_args()
    repeats, batches = (1, 1) if options.quick else (options.repeats, 4)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    recipe = RECIPES["robust"]
    data = tracks(batches * recipe.batch_size, recipe.excerpt, recipe.features.segment_shape)
    works = {"float32": trainer(data, bfloat16=False).epoch}
    if has_bfloat16(torch.device("cpu")):
        works["bfloat16"] = trainer(data, bfloat16=True).epoch
    audio_s = len(data) * recipe.excerpt_s
    rows = [
        [name, figure(audio_s / timing.wall_s), figure(audio_s / timing.cpu_s)]
        for name, timing in by_turns(works, repeats).items()
    ]
    told = " ".join(__doc__.split("\n\n")[1].split())
    note = "" if len(works) > 1 else "\n\nThis processor has no bfloat16."
    body = f"{told}\n\n{table(['precision', 'x (wall)', 'x (CPU)'], rows)}{note}"
    write_section(options.page, "training", "Training", body, quick=options.quick)


if __name__ == "__main__":
    main()

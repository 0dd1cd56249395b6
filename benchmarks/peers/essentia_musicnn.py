"""Essentia's MusiCNN and a head, as its documentation runs them: recordings to CSV of values.

python essentia_musicnn.py MODELS PATCH_HOP OUT RECORDING...
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from essentia.standard import MonoLoader, TensorflowPredict2D, TensorflowPredictMusiCNN

models, patch_hop, out = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
embed = TensorflowPredictMusiCNN(
    graphFilename=str(models / "msd-musicnn-1.pb"),
    output="model/dense/BiasAdd",
    patchHopSize=patch_hop,
)
head = TensorflowPredict2D(
    graphFilename=str(models / "deam-musicnn-msd-1.pb"),
    input="flatten_in_input",
    output="dense_out",
)
for recording in map(Path, sys.argv[4:]):
    samples = MonoLoader(filename=str(recording), sampleRate=16_000, resampleQuality=4)()
    np.savetxt(out / f"{recording.stem}.csv", head(embed(samples)), delimiter=",")

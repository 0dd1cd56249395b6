"""openSMILE's eGeMAPS low-level features: recordings to CSV.

python opensmile_features.py OUT RECORDING...
"""

import sys
from pathlib import Path

import opensmile

out = Path(sys.argv[1])
smile = opensmile.Smile(
    feature_set=opensmile.FeatureSet.eGeMAPSv02,
    feature_level=opensmile.FeatureLevel.LowLevelDescriptors,
)
for recording in map(Path, sys.argv[2:]):
    smile.process_file(str(recording)).to_csv(out / f"{recording.stem}.csv")

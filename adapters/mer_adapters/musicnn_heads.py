"""Heads on MusiCNN's embedding: which published one speaks which scale, and those of our own.

Letters: m patch. An embedding has 200 numbers.

How order and range of the published heads were found
-----------------------------------------------------
Their READMEs say [0, 10], their names no order; only DEAM's JSON says "arousal-valence". Both are
linear in the embedding and put out about 5 on average, so neither range is ruled out at a glance.
Measured on 1,744 DEAM clips, mean output of a clip against the song's static rating (1 to 9):

- Range [1, 9]: root mean square errors 0.83 and 0.81 (emoMusic), 0.86 and 0.85 (DEAM), near the
  0.92 to 1.00 that the JSONs state; read as [0, 10] they are 1.06 to 1.16, and the slopes of rating
  on output, which should be near 1, go from 1.0 to 1.5 up to 1.3 to 1.9.
- Order of emoMusic: (valence, arousal). Valence less arousal of its output correlates with that of
  the labels at 0.64, and tells 4Q's pleasant calm clips (Q4) from the unpleasant excited ones (Q2)
  with an area under the curve of 0.97.
- Order of DEAM: (arousal, valence). Read the other way the same area is 0.06, and every correlation
  is lower. Its two outputs are close to each other: its valence follows the labels' arousal better
  than their valence.

DEAM's own file of static ratings has the columns valence and arousal swapped for songs up to 1000
(against its dynamic labels: r 0.95 crosswise, 0.57 straight; above 1000 the other way round), which
may be how the DEAM head came by this. The figures above are for the columns put right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mer_plugins.curves import Scale

FEATURES = "musicnn"
EMBEDDING_SIZE = 200
BUNDLED: Mapping[str, str] = {
    "ridge": "mer_adapters:heads/musicnn-ridge.safetensors",
    "bilstm": "mer_adapters:heads/musicnn-bilstm.safetensors",
}
"""Heads of our own."""


@dataclass(frozen=True)
class PublishedHead:
    """One of Essentia's heads: its file names, old and new, its page, and what it puts out."""

    files: tuple[str, str]
    page: str
    scale: Scale


PUBLISHED: Mapping[str, PublishedHead] = {
    "emomusic": PublishedHead(
        ("emomusic-musicnn-msd-1.pb", "emomusic-msd-musicnn-1.pb"),
        "classification-heads/emomusic",
        Scale(1, 9, ("valence", "arousal")),
    ),
    "deam": PublishedHead(
        ("deam-musicnn-msd-1.pb", "deam-msd-musicnn-1.pb"),
        "classification-heads/deam",
        Scale(1, 9, ("arousal", "valence")),
    ),
}

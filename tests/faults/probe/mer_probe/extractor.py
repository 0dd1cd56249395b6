"""Values that depend on every sample; troubles come from the environment, not from parameters.

``MER_PROBE_DELAY_S=0.2`` makes each recording take so long; ``MER_PROBE_TROUBLE=hang:3`` brings
trouble (hang, eat, die, raise) for recordings longer than three seconds.
"""

import json
import os
import resource
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from mer_plugins import EmotionCurve
from mer_plugins.host import file_sha256, resource_path
from mer_probe import INFO, OTHER

ROOM = 200 << 20


class Probe:
    info = INFO

    def __init__(self, *, checkpoint=None, gain=1.0):
        path = Path(checkpoint) if checkpoint else resource_path(INFO.checkpoint)
        self.offset = json.loads(path.read_text())["offset"]
        self.gain = gain
        self.info = replace(self.info, checkpoint_sha256=file_sha256(path))

    def __call__(self, audio):
        time.sleep(float(os.environ.get("MER_PROBE_DELAY_S", "0")))
        trouble, _, above_s = os.environ.get("MER_PROBE_TROUBLE", "").partition(":")
        if trouble and audio.duration_s > float(above_s):
            TROUBLES[trouble]()
        return self.curve(audio.samples, audio.sample_rate)

    def curve(self, samples, sample_rate):
        step = max(1, sample_rate // 2)
        parts = [samples[i : i + step] for i in range(0, len(samples), step)]
        values = [[self.offset + p.mean(), self.gain * np.abs(p).mean()] for p in parts]
        return EmotionCurve(np.arange(len(parts)) * 0.5, np.clip(values, -1, 1), 0.5)


class Other(Probe):
    info = OTHER


def hang():
    time.sleep(3600)


def eat():
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, resource.RLIM_INFINITY))
    try:
        np.zeros(4 * ROOM, dtype=np.uint8)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def fail():
    raise ValueError("no such\nmood")


TROUBLES = {"hang": hang, "eat": eat, "die": die, "raise": fail}

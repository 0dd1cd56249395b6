"""The parts of mer-extract against the libraries that do the same, one core, by turns.

Decode, resample, log-mel, encoder, sequence head (times real time), writing JAMS and scoring (a
second), and the budget: how much of a track's processor time is neither decoding nor log-mel nor
one pass of the encoder.
"""

from __future__ import annotations

import os

# ruff: noqa: E402 - numpy and torch count the cores when they are imported.
os.environ["OMP_NUM_THREADS"] = "1"
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from machine import by_turns, figure, parser, table, write_section
from sounds import RATE, looped

from damff import DAMFF
from damff.plugin import INFO
from damff.recipes import TRAINING
from mer_plugins import load_audio
from mer_plugins.annotate import Job, PluginChoice, annotate
from mer_plugins.collection import find_tracks
from mer_plugins.curves import EmotionCurve
from mer_plugins.jams_store import Provenance, store, to_annotation
from mer_plugins.sequence.checkpoint import load_checkpoint
from mer_plugins.sequence.extractor import ENCODER_BATCH, NeuralExtractor

Works = dict[str, Callable[[], object]]
SONGS, SONG_VALUES = 200, 60


def decoding(seconds: float) -> Works:
    files = {kind: looped(seconds, kind) for kind in ("mp3", "flac")}
    works: Works = {f"{kind}, ours": partial(load_audio, file) for kind, file in files.items()}
    if find_spec("librosa"):
        import librosa

        for kind, file in files.items():
            works[f"{kind}, librosa.load"] = partial(librosa.load, file, sr=None, mono=True)
    return works


def resampling(seconds: float) -> Works:
    audio = load_audio(looped(seconds, "flac"))
    works: Works = {"ours (soxr HQ)": lambda: audio.resampled(22_050)}
    if find_spec("librosa"):
        import scipy.signal

        works["scipy.signal.resample_poly"] = lambda: scipy.signal.resample_poly(
            audio.samples, 1, 2
        )
    return works


def log_mel(samples: np.ndarray, ours: NeuralExtractor) -> Works:
    c = ours.front_end.config
    works: Works = {"ours": lambda: ours.front_end(samples)}
    if find_spec("librosa"):
        import librosa

        sizes = {"sr": RATE, "n_fft": c.n_fft, "hop_length": c.hop_length, "n_mels": c.n_mels}
        works["librosa"] = lambda: np.log(
            librosa.feature.melspectrogram(y=samples, **sizes) + c.floor
        )
    if find_spec("torch"):
        works["torch.stft"] = torch_log_mel(samples, ours)
    if find_spec("essentia"):
        works["essentia"] = essentia_log_mel(samples, ours)
    return works


def torch_log_mel(samples: np.ndarray, ours: NeuralExtractor) -> Callable[[], object]:
    import torch

    from mer_plugins.sequence.logmel import mel_filters

    c, sound = ours.front_end.config, torch.from_numpy(samples)
    window, filters = torch.hann_window(c.n_fft), torch.from_numpy(mel_filters(c)).float()

    def run() -> object:
        found = torch.stft(sound, c.n_fft, c.hop_length, window=window, return_complex=True)
        return (filters @ found.abs().square() + c.floor).log()

    return run


def essentia_log_mel(samples: np.ndarray, ours: NeuralExtractor) -> Callable[[], object]:
    from essentia import standard

    c = ours.front_end.config
    window, spectrum = standard.Windowing(type="hann", size=c.n_fft), standard.Spectrum()
    bands = standard.MelBands(
        inputSize=c.n_fft // 2 + 1, numberBands=c.n_mels, sampleRate=RATE, highFrequencyBound=22_050
    )

    def run() -> object:
        frames = standard.FrameGenerator(samples, frameSize=c.n_fft, hopSize=c.hop_length)
        return np.log(np.array([bands(spectrum(window(f))) for f in frames]) + c.floor)

    return run


def in_batches(
    encode: Callable[[np.ndarray], object], segments: np.ndarray, size: int = ENCODER_BATCH
) -> Callable:
    starts = range(0, len(segments), size)
    return lambda: [encode(segments[i : i + size]) for i in starts]


def encoders(ours: NeuralExtractor, segments: np.ndarray) -> Works:
    member = ours.members[0]
    normalised = ((segments - member.mean) / member.std).astype(np.float32)
    encode = member.network.encode
    works: Works = {
        "ours": in_batches(encode, normalised),
        "ours, a segment at a time": in_batches(encode, normalised, 1),
        "ours, 128 segments at a time": in_batches(encode, normalised, 128),
    }
    if find_spec("torch"):
        works |= {
            name: in_batches(encode, normalised)
            for name, encode in torch_encoders(Path(ours.info.checkpoint)).items()
        }
    return works


def torch_encoders(checkpoint: Path) -> dict[str, Callable[[np.ndarray], object]]:
    import torch

    from mer_plugins.sequence.networks import build_network

    torch.set_num_threads(1)
    (found,) = load_checkpoint(checkpoint, INFO.name)
    plain = build_network(found, TRAINING, checkpoint).eval()
    last = build_network(found, TRAINING, checkpoint).to(memory_format=torch.channels_last).eval()

    def of(encode: Callable, dtype: torch.dtype = torch.float32) -> Callable:
        @torch.inference_mode()
        def run(segments: np.ndarray) -> object:
            with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
                return encode(torch.from_numpy(segments))

        return run

    return {
        "torch float32, contiguous": of(plain.encode),
        "torch float32, channels_last": of(last.encode),
        "torch bfloat16, channels_last": of(last.encode, torch.bfloat16),
        "torch.compile, float32": of(torch.compile(last.encode)),
    }


def heads(ours: NeuralExtractor, segments: np.ndarray) -> Works:
    member, window = ours.members[0], ours.window
    encoded = np.concatenate(in_batches(member.encode, segments)())
    ends = range(window, len(encoded) + 1, max(ours.hops))
    windows = np.stack([encoded[end - window : end] for end in ends])
    return {"ours, all windows": lambda: member.decode(windows)}


def writing(curve: EmotionCurve, folder: Path) -> Works:
    import jams

    provenance = Provenance("bench", "1", "f" * 64, "", "[-1, 1]", curve.hop_s, "none", "0")
    values = [{"valence": float(v), "arousal": float(a)} for v, a in curve.values]

    def by_jams() -> None:
        made = jams.JAMS(file_metadata=jams.FileMetadata(duration=len(curve) * curve.hop_s))
        annotation = jams.Annotation(namespace="vector", duration=len(curve) * curve.hop_s)
        for time, value in zip(curve.times, values, strict=True):
            annotation.append(time=time, duration=curve.hop_s, value=list(value.values()))
        made.annotations.append(annotation)
        made.save(str(folder / "theirs.jams"))

    def by_us() -> None:
        (folder / "ours.jams").unlink(missing_ok=True)
        annotation = to_annotation(curve, provenance)
        store(folder / "ours.jams", [annotation], duration_s=len(curve) * curve.hop_s)

    return {"ours, synced to disk": by_us, "jams.save": by_jams}


def scoring() -> Works:
    from mer_plugins.evaluation.statistics import moments, scores_of

    rng = np.random.default_rng(0)
    songs = rng.uniform(-1, 1, (SONGS, 2, SONG_VALUES, 2))
    works: Works = {
        "ours": lambda: scores_of(np.stack([moments(r, e) for r, e in songs])),
    }
    if find_spec("audmetric"):
        import audmetric

        def rmse(truth: np.ndarray, prediction: np.ndarray) -> float:
            return float(np.sqrt(audmetric.mean_squared_error(truth, prediction)))

        metrics = (audmetric.concordance_cc, audmetric.pearson_cc, rmse)
        works["audmetric in a loop"] = lambda: [
            metric(r[:, d], e[:, d]) for r, e in songs for d in (0, 1) for metric in metrics
        ]
    return works


def measured(part: str, works: Works, amount: float, repeats: int) -> list[list[str]]:
    timings, rows = by_turns(works, repeats), []
    base = next(iter(timings.values())).cpu_s
    for name, timing in timings.items():
        speeds = (amount / timing.wall_s, amount / timing.cpu_s)
        rows.append([part, name, *map(figure, speeds), f"{timing.cpu_s / base:.2f}"])
    return rows


def budget(seconds: float, repeats: int, ours: NeuralExtractor) -> str:
    """Tell what share of a track's processor time its three great parts leave over."""
    with tempfile.TemporaryDirectory() as folder:
        source = looped(seconds, "mp3")
        (track,) = find_tracks([str(source)], Path(folder))
        job = Job(track, (PluginChoice(INFO, '{"device": "cpu"}'),), overwrite=True)
        samples = load_audio(source).samples
        segments, member = ours.front_end(samples), ours.members[0]
        works: Works = {
            "whole": lambda: _require_done(job),
            "decode": lambda: load_audio(source),
            "log-mel": lambda: ours.front_end(samples),
            "encoder": in_batches(member.encode, segments),
        }
        times = {name: timing.cpu_s for name, timing in by_turns(works, repeats).items()}
    parts = times["decode"] + times["log-mel"] + times["encoder"]
    told = ", ".join(f"{name} {1000 * spent:.0f} ms" for name, spent in times.items())
    return (
        f"Budget of a track of {seconds:g} s (mp3, processor time): {told}. What is beyond decode, "
        f"log-mel and one pass of the encoder takes {100 * (times['whole'] / parts - 1):.1f} % on "
        "top (goal: at most 15 %)."
    )


def _require_done(job: Job) -> None:
    if (outcome := annotate(job)).status != "done":
        raise SystemExit(f"{job.track.audio}: {outcome.reason}")


def main() -> None:
    options = parser(__doc__, repeats=7).parse_args()
    repeats, seconds = (3, 30) if options.quick else (options.repeats, 60)
    warnings.filterwarnings("ignore", category=FutureWarning)
    ours = DAMFF(device="cpu")
    samples = load_audio(looped(seconds, "flac"), RATE).samples
    segments = ours.front_end(samples)
    rows = measured("decode, to mono", decoding(seconds), seconds, repeats)
    rows += measured("resample to 22.05 kHz", resampling(seconds), seconds, repeats)
    rows += measured("log-mel", log_mel(samples, ours), seconds, repeats)
    rows += measured("encoder", encoders(ours, segments), seconds, repeats)
    rows += measured("sequence head", heads(ours, segments), seconds, repeats)
    with tempfile.TemporaryDirectory() as folder:
        curve = EmotionCurve(np.arange(600) * 0.5, np.zeros((600, 2)), 0.5)
        rows += measured("JAMS of 5 min, a second", writing(curve, Path(folder)), 1, repeats)
    rows += measured("songs scored, a second", scoring(), SONGS, repeats)
    headings = ["part", "how", "x (wall)", "x (CPU)", "CPU time against ours"]
    body = f"{table(headings, rows)}\n\n{budget(seconds, repeats, ours)}"
    write_section(options.page, "parts", "Parts, on one core", body, quick=options.quick)


if __name__ == "__main__":
    main()

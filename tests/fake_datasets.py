"""Small data sets in the official layouts, written by the tests: labels from a seed, few songs."""

from __future__ import annotations

import csv
import json
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import soundfile

AVERAGED = "DEAM_Annotations/annotations/annotations averaged per song"
EACH = "DEAM_Annotations/annotations/annotations per each rater"
DYNAMIC = "dynamic (per second annotations)"
COLUMNS = [f"sample_{ms}ms" for ms in range(15_000, 18_000, 500)]


def table(path: Path, names: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([names, *rows])
    return path


def tone(path: Path, duration_s: float, sample_rate: int = 8000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    times = np.arange(round(duration_s * sample_rate)) / sample_rate
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 220 * times), sample_rate)
    return path


def deam(
    root: Path,
    songs: Sequence[int] = (2, 1001, 2001),
    swapped: Sequence[int] = (),
    recordings: Sequence[int] = (2,),
) -> Path:
    """Write DEAM: averages, three raters of each song but those above 2000, static labels.

    `swapped` songs have valence and arousal the wrong way round in the static tables. Songs above
    2000 name their raters; the others do not, as published.
    """
    rng = np.random.default_rng(1)
    level = {song: rng.uniform(-0.8, 0.8, 2) for song in songs}
    raters = {
        song: np.clip(level[song] + rng.normal(0, 0.05, (3, len(COLUMNS), 2)), -1, 1)
        for song in songs
    }
    for i, name in enumerate(("valence", "arousal")):
        rows = [[song, *raters[song].mean(axis=0)[:, i].round(6)] for song in songs]
        # As published: the widest song sets the columns, the others' cells are empty.
        names = ["song_id", *COLUMNS, "sample_18000ms"]
        table(root / AVERAGED / DYNAMIC / f"{name}.csv", names, [[*row, ""] for row in rows])
        for song in songs:
            head, ids = (["WorkerId"], ["w1", "w2", "w3"]) if song > 2000 else ([], [])
            cells = [[*ids[k : k + 1], *raters[song][k, :, i].round(6).tolist()] for k in range(3)]
            table(root / EACH / DYNAMIC / name / f"{song}.csv", [*head, *COLUMNS], cells)
    _deam_static(root, level, swapped)
    table(
        root / "metadata/metadata/metadata_2013.csv",
        ["song_id", "file_name", "Artist", "Song title", "Genre"],
        [[s, f"{s}.mp3", "\tAnn ", "\tOne song", "\tBlues"] for s in songs if s <= 1000],
    )
    table(
        root / "metadata/metadata/metadata_2014.csv",
        ["Id", "Artist", "Album", "Track", "Genre", "last.fm labels"],
        [[s, "Bob", "Second", "Two", "Rock", "a", "b", "c"] for s in songs if 1000 < s <= 2000],
    )
    for song in recordings:
        tone(root / f"MEMD_audio/{song}.wav", 18.0)
    return root


def _deam_static(root: Path, level: dict[int, np.ndarray], swapped: Sequence[int]) -> None:
    def native(song: int) -> list[float]:
        pair = (level[song] + 1) * 4 + 1
        return (pair[::-1] if song in swapped else pair).round(3).tolist()

    early = [song for song in level if song <= 2000]
    rows = [[s, native(s)[0], 0.8, native(s)[1], 1.6] for s in early]
    names = ["song_id", " valence_mean", " valence_std", " arousal_mean", " arousal_std"]
    folder = root / AVERAGED / "song_level"
    table(folder / "static_annotations_averaged_songs_1_2000.csv", names, rows)
    late = [[s, *sum(zip(native(s), (0.8, 1.6), strict=True), ())] for s in level if s > 2000]
    table(folder / "static_annotations_averaged_songs_2000_2058.csv", names, late)
    each = [[rater, s, *native(s)] for s in early for rater in ("a", "b")]
    folder = root / EACH / "song_level"
    names = ["workerID", " SongId", " Valence", " Arousal"]
    table(folder / "static_annotations_songs_1_2000.csv", names, each)


def emomusic(root: Path) -> Path:
    rng = np.random.default_rng(2)
    songs = (2, 3, 5)
    for dimension in ("arousal", "valence"):
        for kind, low, high in (("average", -0.9, 0.9), ("std", 0.1, 0.4)):
            rows = [[s, *rng.uniform(low, high, len(COLUMNS)).round(6)] for s in songs]
            path = root / "annotations" / f"{dimension}_cont_{kind}.csv"
            table(path, ["song_id", *COLUMNS], rows)
    table(
        root / "annotations/static_annotations.csv",
        ["song_id", "mean_arousal", "std_arousal", "mean_valence", "std_valence"],
        [[s, 9, 0.8, 5, 1.6] for s in songs],
    )
    table(
        root / "annotations/songs_info.csv",
        ["song_id", "file_name", "Artist", "Song title", "Genre", "Mediaeval 2013 set"],
        [[s, f"{s}.mp3", "Ann\t", "Song", "Blues", "evaluation" if s == 3 else "development"]
         for s in songs],
    )  # fmt: skip
    tone(root / "clips_45seconds/2.wav", 18.0)
    return root


def pmemo(root: Path, static: str = "unit") -> Path:
    """Write PMEmo2019, with static labels in [0, 1] (``unit``) or [1, 9] (``nine``)."""
    songs, frames = (1, 4), (15.5, 16.0, 16.5)
    means = {1: (0.25, 0.5), 4: (0.75, 1.0)}
    names = ["musicId", "frameTime", "Arousal(mean)", "Valence(mean)"]
    rows = [[s, t, *means[s]] for s in songs for t in frames]
    table(root / "annotations/dynamic_annotations.csv", names, rows)
    names = ["musicId", "frameTime", "Arousal(std)", "Valence(std)"]
    rows = [[s, t, 0.1, 0.2] for s in songs for t in frames]
    table(root / "annotations/dynamic_annotations_std.csv", names, rows)
    path = root / "annotations/static_annotations.csv"
    if static == "unit":
        table(path, ["musicId", "Arousal(mean)", "Valence(mean)"], [[s, *means[s]] for s in songs])
        path = root / "annotations/static_annotations_std.csv"
        table(path, ["musicId", "Arousal(std)", "Valence(std)"], [[s, 0.1, 0.2] for s in songs])
    else:
        names = ["song_id", "valence_mean", "valence_std", "arousal_mean", "arousal_std"]
        rows = [[s, 1 + 8 * means[s][1], 0.2, 1 + 8 * means[s][0], 0.1] for s in songs]
        table(path, names, rows)
    names = ["musicId", "fileName", "title", "artist", "album", "duration"]
    rows = [[s, f"{s}.mp3", "A title", "An artist", "An album", 16.6] for s in (*songs, 9)]
    table(root / "metadata.csv", names, rows)
    tone(root / "chorus/1.wav", 16.6)
    return root


def mer1101(root: Path, lengths_s: Sequence[float] = (20.0, 61.0, 65.0, 31.0, 95.0, 33.0)) -> Path:
    """Write MER1101 with a student and an expert more for each song; recording of the second."""
    rng = np.random.default_rng(3)
    rows = []
    for i, length_s in enumerate(lengths_s, 1):
        names = [f"sample_{ms}ms" for ms in range(0, int(length_s * 1000), 500)]
        for group, raters in (("students", 3), ("experts", 2)):
            for dimension in ("valence", "arousal"):
                path = root / "annotations" / group / dimension / f"s{i}.csv"
                values = rng.uniform(-0.9, 0.9, (raters, len(names))).round(4)
                cells = [[f"{group[0]}{k}", *row] for k, row in enumerate(values.tolist())]
                table(path, ["WorkerId", *names], cells)
        rows.append([f"s{i}", "Title", "Artist", "pop", "English", length_s])
    names = ["song_id", "title", "artist", "genre", "language", "duration"]
    table(root / "songs.csv", names, rows)
    tone(root / "music/s2.wav", lengths_s[1])
    return root


def four_q(root: Path, *, official: bool = True) -> Path:
    songs = [("MT01", "Q1"), ("MT02", "Q2"), ("MT03", "Q3"), ("MT04", "Q4")]
    if official:
        names = ["Song", "Artist", "Title", "Quadrant", "PQuad", "MoodsStr", "GenresStr"]
        rows = [[song, "An artist", "A title", q, 0.75, "calm", "jazz"] for song, q in songs]
        table(root / "panda_dataset_taffc_metadata.csv", names, rows)
    else:
        names = [
            "song",
            "artist",
            "title",
            "quadrant",
            "quadrant_share_of_moods",
            "moods",
            "genres",
        ]
        rows = [[song, "An artist", "A title", q, 0.75, "calm", "jazz"] for song, q in songs]
        table(root / "songs.csv", names, rows)
    for song, quadrant in songs[:3]:
        tone(root / (quadrant if official else "clips") / f"{song}.wav", 2.0)
    return root


def vgmidi(root: Path, *, note_off: bool = True, beats: int = 8, measures: int = 2) -> Path:
    """Write VGMIDI with one piece of half-second notes, rated by three, and one without MIDI."""
    piece = {"midi": "piece.mid", "duration": beats / 2, "measures": measures, "series": "Game"}
    absent = {**piece, "name": "Absent", "midi": "absent.mid"}
    pieces = {"p1": {"name": "Piece", **piece}, "p2": absent}
    rng = np.random.default_rng(4)
    annotations = {
        f"{name}_{rater}": {
            "valence": rng.uniform(-1, 1, measures).round(3).tolist(),
            "arousal": rng.uniform(-1, 1, measures).round(3).tolist(),
            "isKnown": rater == 1,
            "musicianship": 2,
        }
        for name in pieces
        for rater in (1, 2, 10)
    }
    root.mkdir(parents=True, exist_ok=True)
    content = {"pieces": pieces, "annotations": annotations}
    (root / "annotations.json").write_text(json.dumps(content))
    midi(root / "midi/piece.mid", beats, note_off=note_off)
    return root


def midi(path: Path, beats: int, *, note_off: bool = True) -> Path:
    """Write notes of half a second at 120 a minute; without `note_off`, the last is left on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    events = b"\x00\xff\x51\x03" + (500_000).to_bytes(3, "big")
    for beat in range(beats):
        is_left_on = beat == beats - 1 and not note_off
        release = b"\xff\x06\x00" if is_left_on else b"\x80\x24\x00"
        events += b"\x00\x90\x24\x64" + b"\x60" + release
    events += b"\x00\xff\x2f\x00"
    track = b"MTrk" + struct.pack(">I", len(events)) + events
    path.write_bytes(b"MThd" + struct.pack(">IHHH", 6, 0, 1, 96) + track)
    return path

# /// script
# requires-python = ">=3.10"
# dependencies = ["music21>=9", "numpy", "soundfile"]
# ///
"""Make ``examples/collection``: short pieces of clearly different mood from public-domain scores.

The scores come from the music21 corpus, the sound from fluidsynth with a General MIDI sound font
(FluidR3, MIT licence). Two pieces get a JAMS that already holds other annotations, as collections
in the wild do.

    python examples/make_collection.py --out examples/collection
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SAMPLE_RATE = 44_100
TAIL_S = 1.5


@dataclass(frozen=True)
class Section:
    """Some quarters of a score and how they are played."""

    score: str
    start: float
    end: float
    quarters_per_minute: float
    programs: tuple[int, ...]
    velocity: int


@dataclass(frozen=True)
class Piece:
    """One file of the collection."""

    file: str
    title: str
    composer: str
    mood: str
    peak_db: float
    sections: tuple[Section, ...]


STRINGS, VIOLINS, VIOLA, CELLO, PIANO, FLUTE = (48,), (40, 40), (41,), (42,), (0,), 73

PIECES = (
    Piece(
        "joplin-maple-leaf-rag.ogg",
        "Maple Leaf Rag",
        "Scott Joplin",
        "joyful, driving",
        -3,
        (Section("joplin/maple_leaf_rag", 0, 64, 110, PIANO, 96),),
    ),
    Piece(
        "beethoven-opus59no3-finale.ogg",
        "String Quartet op. 59 no. 3, finale",
        "Ludwig van Beethoven",
        "tense, restless, loud",
        -1,
        (Section("beethoven/opus59no3/movement4", 60, 160, 176, (48, 48, 48, 43), 118),),
    ),
    Piece(
        "beethoven-opus18no1-adagio.ogg",
        "String Quartet op. 18 no. 1, Adagio",
        "Ludwig van Beethoven",
        "sad, slow",
        -14,
        (Section("beethoven/opus18no1/movement2", 0, 40, 52, VIOLINS + VIOLA + CELLO, 52),),
    ),
    Piece(
        "mozart-k155-andante.ogg",
        "String Quartet K. 155, Andante",
        "Wolfgang Amadeus Mozart",
        "calm, tender",
        -16,
        (Section("mozart/k155/movement2", 0, 42, 58, (FLUTE, 46, 46, 42), 48),),
    ),
    Piece(
        "bach-chorale-and-joplin-rag.ogg",
        "Passion Chorale, then Maple Leaf Rag",
        "Johann Sebastian Bach, Scott Joplin",
        "sombre at first, then joyful",
        -3,
        (
            Section("bach/bwv244.54", 0, 24, 56, STRINGS, 42),
            Section("joplin/maple_leaf_rag", 64, 112, 112, PIANO, 100),
        ),
    ),
)
WITH_BEATS_AND_CHORDS = "joplin-maple-leaf-rag.ogg"
WITH_FOREIGN_NAMESPACE = "beethoven-opus18no1-adagio.ogg"


def main() -> None:
    parser = argparse.ArgumentParser(description="Render the example collection from its scores.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "collection")
    parser.add_argument("--sound-font", default="/usr/share/sounds/sf2/FluidR3_GM.sf2")
    parser.add_argument("--fluidsynth", default="fluidsynth")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for piece in PIECES:
        samples = [render(s, options.fluidsynth, options.sound_font) for s in piece.sections]
        duration_s = write_ogg(samples, piece, options.out / piece.file)
        if jams := annotations(piece, duration_s):
            path = (options.out / piece.file).with_suffix(".jams")
            path.write_text(json.dumps(jams) + "\n", encoding="utf-8")
        print(f"{piece.file}: {duration_s:.1f} s, {piece.mood}")


def excerpt(section: Section) -> Any:
    """Cut the section out of its score, with its instruments, tempo and loudness."""
    from music21 import corpus, instrument, stream, tempo

    cut = stream.Score()
    for index, part in enumerate(corpus.parse(section.score).parts):
        voice = stream.Part()
        player = instrument.Instrument()
        player.midiProgram = section.programs[min(index, len(section.programs) - 1)]
        voice.insert(0, player)
        voice.insert(0, tempo.MetronomeMark(number=section.quarters_per_minute))
        for note in part.stripTies().flatten().notes:
            if section.start <= note.offset < section.end and note.quarterLength:
                note.volume.velocity = section.velocity
                voice.insert(note.offset - section.start, note)
        cut.insert(0, voice)
    return cut


def render(section: Section, fluidsynth: str, sound_font: str) -> Any:
    """Play a section; return its samples, shape=(n, 2), from the first note to past the last."""
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        midi, wave = Path(folder, "piece.mid"), Path(folder, "piece.wav")
        excerpt(section).write("midi", midi)
        subprocess.run(
            [
                fluidsynth,
                "-ni",
                "-q",
                "-F",
                str(wave),
                "-r",
                str(SAMPLE_RATE),
                sound_font,
                str(midi),
            ],
            check=True,
        )
        samples, _ = soundfile.read(wave, dtype="float32")
    length_s = (section.end - section.start) * 60 / section.quarters_per_minute + TAIL_S
    return samples[: round(length_s * SAMPLE_RATE)]


def write_ogg(sections: list[Any], piece: Piece, path: Path) -> float:
    """Join the sections, fade out, set the peak, write Ogg Vorbis; return the seconds."""
    import numpy as np
    import soundfile

    samples = np.concatenate(sections)
    fade = round(TAIL_S * SAMPLE_RATE)
    samples[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)[:, None]
    samples *= 10 ** (piece.peak_db / 20) / np.abs(samples).max()
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 2, format="OGG", subtype="VORBIS") as file:
        # libsndfile overflows its stack when Vorbis is written in one large piece.
        for start in range(0, len(samples), SAMPLE_RATE):
            file.write(samples[start : start + SAMPLE_RATE])
    return len(samples) / SAMPLE_RATE


def annotations(piece: Piece, duration_s: float) -> dict[str, Any] | None:
    """Make the JAMS of the two pieces that have one; the times are those of the rendering."""
    if piece.file not in (WITH_BEATS_AND_CHORDS, WITH_FOREIGN_NAMESPACE):
        return None
    (section,) = piece.sections
    found = [annotation("beat", beats(section), duration_s)]
    if piece.file == WITH_BEATS_AND_CHORDS:
        found.append(annotation("chord", chords(section), duration_s))
    else:
        bows = [
            (time, 1.0, {"direction": "up" if i % 2 else "down", "string": "G"})
            for i, (time, _, _) in enumerate(beats(section)[::3])
        ]
        bowing = annotation("org.example.bowing", bows, duration_s)
        bowing["annotation_metadata"]["annotation_rules"] = "invented: a bow a bar, for the example"
        found.append(
            {**bowing, "sandbox": {"edition": "example", "reviewed": None, "weights": [0.125]}}
        )
    metadata = {
        "title": piece.title,
        "artist": piece.composer,
        "release": "",
        "duration": duration_s,
        "identifiers": {},
        "jams_version": "0.3.5",
    }
    return {"file_metadata": metadata, "annotations": found, "sandbox": {"score": section.score}}


def annotation(
    namespace: str, rows: list[tuple[float, float, Any]], duration_s: float
) -> dict[str, Any]:
    metadata = {
        "curator": {"name": "", "email": ""},
        "annotator": {},
        "version": "1.0",
        "corpus": "examples",
        "annotation_tools": "examples/make_collection.py",
        "annotation_rules": "read off the score",
        "validation": "",
        "data_source": "program",
    }
    data = [
        {"time": round(time, 6), "duration": round(duration, 6), "value": value, "confidence": None}
        for time, duration, value in rows
    ]
    return {
        "namespace": namespace,
        "time": 0.0,
        "duration": duration_s,
        "data": data,
        "annotation_metadata": metadata,
        "sandbox": {},
    }


def beats(section: Section) -> list[tuple[float, float, int]]:
    """List the beats in seconds, with their position in the bar (from 1)."""
    quarter_s = 60 / section.quarters_per_minute
    return [(offset * quarter_s, 0.0, position) for offset, position in beat_offsets(section)]


def beat_offsets(section: Section) -> list[tuple[float, int]]:
    """List (quarters from the section's start, position in the bar), read off the score's bars.

    The beat is the metre's own (a dotted quarter in 9/8). An upbeat counts back from its bar line.
    """
    from music21 import corpus

    found, metre = [], None
    for bar in corpus.parse(section.score).parts[0].getElementsByClass("Measure"):
        metre = bar.timeSignature or metre
        for index in range(metre.beatCount):
            inside = index * metre.beatDuration.quarterLength - bar.paddingLeft
            offset = float(bar.offset + inside)
            held = 0 <= inside < bar.duration.quarterLength
            if held and section.start <= offset < section.end:
                found.append((offset - section.start, index + 1))
    return found


def chords(section: Section) -> list[tuple[float, float, str]]:
    """List a chord a beat, ``root:quality`` as JAMS writes chords, or ``N``.

    The reduction: all notes that sound within the beat, passing notes too, make one chord; root and
    quality are music21's, which judges by the third and fifth above the root. A dominant seventh is
    ``7``, other added notes are dropped, inversions are not written, and what has no quality is
    ``N``.
    """
    notes = list(excerpt(section).flatten().notes)
    starts = [offset for offset, _ in beat_offsets(section)]
    ends = [*starts[1:], section.end - section.start]
    quarter_s = 60 / section.quarters_per_minute
    return [
        (start * quarter_s, (end - start) * quarter_s, chord_name(notes, start, end))
        for start, end in zip(starts, ends, strict=True)
    ]


def chord_name(notes: list[Any], start: float, end: float) -> str:
    from music21 import chord

    sounding = [n for n in notes if n.offset < end and n.offset + n.quarterLength > start]
    heard = chord.Chord([pitch for note in sounding for pitch in note.pitches])
    qualities = {"major": "maj", "minor": "min", "diminished": "dim", "augmented": "aug"}
    quality = "7" if heard.isDominantSeventh() else qualities.get(heard.quality)
    if not sounding or quality is None:
        return "N"
    return f"{heard.root().name.replace('-', 'b')}:{quality}"


if __name__ == "__main__":
    main()

"""Render MIDI files with FluidSynth: the same piece and sound font give the same samples.

FluidSynth and the sound font are not Python packages; they are looked for on the PATH and in the
folders where Linux distributions and Homebrew put them.

How long a rendering lasts
--------------------------
FluidSynth renders until the last voice has died away, so a piece rings on: for 2 to 4 s as a rule.
Some files never switch a note off, and its piano string then takes up to 45 s to fall silent: seven
of VGMIDI's 160 pieces ring for more than 10 s (25.5 s after one of 198.1 s), all of them with such
notes, 36 dB or more below their peak two seconds after the last measure and 54 dB or more after
ten. The score itself is as long as annotated in all 160. So what rings beyond ten seconds is faded
out and dropped, provided that it is ringing: sound that goes on within 40 dB of the peak is a sign
of the wrong piece, and refused.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from mer_plugins.datasets import DatasetError

if TYPE_CHECKING:
    from soundfile import SoundFile

SAMPLE_RATE = 44_100
SOUND_FONT = "FluidR3_GM.sf2"
SOUND_FONT_FOLDERS = (
    Path("/usr/share/sounds/sf2"),
    Path("/usr/share/soundfonts"),
    Path("/usr/local/share/sounds/sf2"),
    Path("/usr/local/share/soundfonts"),
    Path("/opt/homebrew/share/soundfonts"),
)
_GET_IT = "on Debian and Ubuntu: apt install fluidsynth fluid-soundfont-gm"
_TIMEOUT_S = 3600
_BLOCK_FRAMES = 1 << 18
_BLOCK_BYTES = 1 << 20
# The rounding of the declared lengths, and the seconds in which the last notes may ring.
_SHORTEST_S, _LONGEST_S = -1.0, 10.0
_FADE_S, _RINGING = 1.0, 0.01


@dataclass(frozen=True)
class Synthesiser:
    """FluidSynth with a sound font.

    Parameters
    ----------
    program : str
        Path of the program.
    sound_font : pathlib.Path
        An SF2 or SF3 file.
    """

    program: str
    sound_font: Path

    @cached_property
    def origin(self) -> Mapping[str, str]:
        """Version of the program, and name and SHA-256 of the sound font."""
        return {
            "renderer": self._version(),
            "sound_font": self.sound_font.name,
            "sound_font_sha256": _sha256(self.sound_font),
        }

    def render(self, midi: Path, wav: Path) -> None:
        """Render a piece to a WAV of 16 bits, stereo, 44.1 kHz; DatasetError if that fails."""
        # Without an empty configuration of our own, FluidSynth would read the user's.
        done = self._run(
            *("-ni", "-q", "-f", os.devnull, "-F", str(wav), "-T", "wav", "-r", str(SAMPLE_RATE)),
            *("-O", "s16", str(self.sound_font.resolve()), str(midi.resolve())),
        )
        if done.returncode or not wav.exists():
            raise DatasetError(f"{midi}: cannot be rendered: {_last_line(done)}")

    def _version(self) -> str:
        text = self._run("--version").stdout
        line = next((line for line in text.splitlines() if "version" in line.lower()), "unknown")
        return f"FluidSynth {line.split()[-1]}"

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        try:
            # No shell; the program is what the user has installed, both inputs are absolute.
            return subprocess.run(  # noqa: S603
                [self.program, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            raise DatasetError(f"{self.program}: gave no result in {_TIMEOUT_S} s") from exc
        except OSError as exc:
            raise DatasetError(f"{self.program}: cannot be run ({exc.strerror})") from exc


def find_synthesiser(program: str = "fluidsynth", sound_font: str = "") -> Synthesiser:
    """Find FluidSynth and a sound font.

    Parameters
    ----------
    program : str
        Name on the PATH, or a path.
    sound_font : str
        Path of a sound font; by default FluidR3_GM.sf2 in the usual folders.

    Raises
    ------
    DatasetError
        If either is missing; it says how to get it.
    """
    found = shutil.which(program)
    if found is None:
        raise DatasetError(
            f"{program}: no such program, and MIDI cannot be rendered without FluidSynth: "
            f"{_GET_IT}; or name it with -p fluidsynth=PATH"
        )
    return Synthesiser(found, _sound_font(sound_font))


@dataclass(frozen=True)
class RenderedMidi:
    """A MIDI file as a recording, written as FLAC.

    Parameters
    ----------
    midi : pathlib.Path
        The piece.
    expected_s : float
        Its length, in seconds; the rendering may ring on for up to ten.
    find : callable
        Returns what renders it, or raises DatasetError; called when that is needed.
    """

    midi: Path
    expected_s: float
    find: Callable[[], Synthesiser]
    suffix: str = ".flac"
    path: None = None

    @property
    def origin(self) -> Mapping[str, Any]:
        """The piece's checksum, program and sound font."""
        return {
            "midi": self.midi.name,
            "midi_sha256": _sha256(self.midi),
            **self.find().origin,
        }

    def duration_s(self) -> float:
        """Return the declared length; the rendered one is known once it is written."""
        return self.expected_s

    def write(self, file: BinaryIO) -> float:
        """Render the piece and write it as FLAC.

        Raises
        ------
        DatasetError
            If FluidSynth fails, the result is silent, or it does not end as declared.
        """
        with tempfile.TemporaryDirectory(prefix="mer-midi-") as folder:
            wav = Path(folder, "piece.wav")
            self.find().render(self.midi, wav)
            return self._encode(wav, file)

    def _encode(self, wav: Path, file: BinaryIO) -> float:
        import soundfile

        with soundfile.SoundFile(wav) as read:
            rate = read.samplerate
            kept = min(read.frames, round((self.expected_s + _LONGEST_S) * rate))
            self._check_length(read.frames / rate)
            with soundfile.SoundFile(
                file, "w", rate, read.channels, "PCM_16", format="FLAC"
            ) as write:
                peak = _copied(read, write, kept)
            self._check_ring(peak, _peak(read.blocks(_BLOCK_FRAMES, dtype="int16")))
        return float(kept / rate)

    def _check_length(self, duration_s: float) -> None:
        if duration_s - self.expected_s < _SHORTEST_S:
            raise DatasetError(
                f"{self.midi}: rendered, it lasts {duration_s:.1f} s: expected "
                f"{self.expected_s:.1f} s, as annotated, and a few more to ring"
            )

    def _check_ring(self, peak: int, rest: int) -> None:
        if not peak:
            raise DatasetError(
                f"{self.midi}: was rendered as silence: is {self.find().sound_font} whole?"
            )
        if rest > peak * _RINGING:
            raise DatasetError(
                f"{self.midi}: rendered, it goes on for more than {_LONGEST_S:g} s beyond the "
                f"{self.expected_s:.1f} s that are annotated, and not as mere ringing "
                f"({20 * np.log10(rest / peak):.0f} dB of its peak): is it the annotated piece?"
            )


def _copied(read: SoundFile, write: SoundFile, kept: int) -> int:
    """Copy `kept` frames, fading out if that is not all; return their peak."""
    peak, done, fade = 0, 0, round(_FADE_S * read.samplerate)
    is_whole = kept == read.frames
    while done < kept:
        block = read.read(min(_BLOCK_FRAMES, kept - done), dtype="int16", always_2d=True)
        peak = max(peak, _peak([block]))
        if not is_whole:
            gain = np.clip((kept - done - np.arange(len(block))) / fade, 0, 1)
            block = np.round(block * gain[:, None]).astype(np.int16)
        write.write(block)
        done += len(block)
    return peak


def _peak(blocks: Iterable[npt.NDArray[np.int16]]) -> int:
    return max((int(np.abs(block.astype(np.int32)).max(initial=0)) for block in blocks), default=0)


def _sound_font(given: str) -> Path:
    if given:
        path = Path(given).expanduser()
        if not path.is_file():
            raise DatasetError(f"{path}: no such sound font; {_GET_IT}")
        return path
    found = next((f / SOUND_FONT for f in SOUND_FONT_FOLDERS if (f / SOUND_FONT).is_file()), None)
    if found is None:
        raise DatasetError(
            f"no {SOUND_FONT} in {', '.join(map(str, SOUND_FONT_FOLDERS))}: {_GET_IT}; "
            "or name a sound font with -p soundfont=PATH"
        )
    return found


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    except OSError as exc:
        raise DatasetError(f"{path}: cannot be read ({exc.strerror})") from exc
    return digest.hexdigest()


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    return lines[-1] if lines else f"FluidSynth ended with code {done.returncode}"

"""Tables of folds that ask for more than other artists: another year, another genre.

    python benchmarks/fold_tables.py ../shared/data/deam/songs.csv -o tables
    mer train ... --folds-csv tables/years.csv --fold 0 -o years
    mer train ... --folds-csv tables/genres.csv --folds all -o genres
    python -m mer_adapters.fit_ridge ... --folds-csv tables/year-artists.csv --leave-out 0 -o year

In ``years.csv`` fold 0 is every DEAM song above id 1000, which was collected and rated a year later
than the others. In ``year-artists.csv`` it is so, too, and the others are in folds 1 to 5 by
artist, within which a ridge chooses its penalty. In ``genres.csv`` the first tag of a song says its
group, and an artist goes whole into the group of most of its songs (of equals, the one that comes
first here).
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter, defaultdict
from pathlib import Path

FIRST_OF_SECOND_YEAR = 1001
GROUPS = {
    "Rock, Pop": ("Rock", "Pop"),
    "Electronic, Hip-Hop": ("Electronic", "Hip"),
    "Classical, International, others": (),
    "Country, Folk": ("Country", "Folk"),
    "Jazz, Blues, Soul": ("Jazz", "Blues", "SoulRB"),
}
_OTHERS = list(GROUPS).index("Classical, International, others")


def group(genre: str) -> int:
    """Return the number of the group that the first of a song's tags belongs to."""
    first = genre.split("-")[0]
    return next((i for i, tags in enumerate(GROUPS.values()) if first in tags), _OTHERS)


def genre_folds(songs: list[dict[str, str]]) -> list[int]:
    """Return each song's group, an artist's songs all in one."""
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for song in songs:
        counts[song["artist"]][group(song["genre"])] += 1
    return [_most(counts[song["artist"]]) for song in songs]


def _most(counts: Counter[int]) -> int:
    return min(counts, key=lambda number: (-counts[number], number))


def year_folds(songs: list[dict[str, str]]) -> list[int]:
    """Return 0 for the second year, 1 for the first."""
    return [int(int(song["song_id"]) < FIRST_OF_SECOND_YEAR) for song in songs]


def year_artist_folds(songs: list[dict[str, str]]) -> list[int]:
    """Return 0 for the second year, and for the first one more than the fold of the artist."""
    pairs = zip(songs, year_folds(songs), strict=True)
    return [int(song["fold"]) + 1 if first else 0 for song, first in pairs]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("songs", type=Path, help="songs.csv with song_id, artist, genre, fold")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    with options.songs.open(newline="", encoding="utf-8") as file:
        songs = list(csv.DictReader(file))
    options.output.mkdir(parents=True, exist_ok=True)
    tables = {
        "years": year_folds(songs),
        "year-artists": year_artist_folds(songs),
        "genres": genre_folds(songs),
    }
    for name, folds in tables.items():
        with (options.output / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["song_id", "artist", "fold"])
            writer.writerows(
                [song["song_id"], song["artist"], fold]
                for song, fold in zip(songs, folds, strict=True)
            )
        print(f"{options.output / name}.csv: {sorted(Counter(folds).items())}")


if __name__ == "__main__":
    main()

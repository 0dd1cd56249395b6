"""Every importer, on a small fake in its official layout: what a user relies on of all of them."""

from __future__ import annotations

import json

import fake_datasets
import jams
import pytest
from click.testing import CliRunner

from mer_plugins.cli import mer
from mer_plugins.dataset_import import import_dataset
from mer_plugins.host import plugin_host
from mer_plugins.labels import human_curve

NAMES = ("4q", "deam", "emomusic", "mer1101", "pmemo", "vgmidi")
FAKES = {**{name: getattr(fake_datasets, name) for name in NAMES[1:]}, "4q": fake_datasets.four_q}
every_dataset = pytest.mark.parametrize("name", NAMES)


def run(*argv):
    return CliRunner().invoke(mer, [str(arg) for arg in argv], standalone_mode=False)


@pytest.fixture
def opened(tmp_path):
    def open_fake(name, **parameters):
        return plugin_host().open_dataset(name, FAKES[name](tmp_path / name), **parameters)

    return open_fake


def test_all_importers_are_registered():
    assert sorted(plugin_host().datasets.specs) == sorted(NAMES)


@every_dataset
def test_info_tells_what_a_user_needs(name):
    info = plugin_host().datasets.get(name).info
    for field in (
        "title",
        "summary",
        "raters",
        "rules",
        "homepage",
        "licence",
        "citation",
        "layout",
    ):
        assert getattr(info, field), field
    assert info.counts
    listed = json.loads(run("datasets", "list", "--json").output)
    assert [entry["name"] for entry in listed] == sorted(NAMES)


@every_dataset
def test_counts_are_of_what_a_complete_copy_holds(name, opened):
    dataset = opened(name)
    assert set(dataset.counts()) == set(dataset.info.counts)
    assert all(count >= 0 for count in dataset.counts().values())


@every_dataset
def test_ids_are_unique_and_each_gives_its_track(name, opened):
    dataset = opened(name)
    ids = list(dataset.track_ids)
    assert len(set(ids)) == len(ids) > 0
    assert [dataset.track(i).track_id for i in ids] == ids


@every_dataset
def test_what_is_imported_is_valid_jams(name, opened, tmp_path):
    dataset = opened(name)
    label_only = [i for i in dataset.track_ids if not dataset.track(i).audio]
    label_only += [i for i in dataset.track_ids if i not in label_only and name != "vgmidi"]
    outcomes = {o.track_id: o for o in import_dataset(dataset, tmp_path / "out")}
    for track_id in label_only:
        assert outcomes[track_id].status == "done", outcomes[track_id]
        loaded = jams.load(str(tmp_path / "out" / f"{track_id}.jams"), strict=True)
        assert loaded.file_metadata.duration > 0 or name == "4q"
        assert loaded.sandbox["dataset"] == name
        assert len(loaded.annotations) == len(dataset.track(track_id).annotations)


@every_dataset
def test_the_first_curve_is_the_one_to_learn_from(name, opened):
    dataset = opened(name)
    track = dataset.track(dataset.track_ids[0])
    if name == "4q":
        assert [a["namespace"] for a in track.annotations] == ["tag_open"]
        return
    first = track.annotations[0]
    curve = human_curve({"annotations": track.annotations})
    assert first["sandbox"]["kind"] == "dynamic"
    assert set(first["annotation_metadata"]["annotator"]) == {"name"}
    assert curve.hop_s == dataset.info.hop_s and len(curve) == len(first["data"])


# VGMIDI renders, which test_datasets_vgmidi.py does.
@pytest.mark.parametrize("name", [name for name in NAMES if name != "vgmidi"])
def test_the_same_import_again_changes_nothing(name, opened, tmp_path):
    dataset = opened(name)
    first = list(import_dataset(dataset, tmp_path / "out"))
    before = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}
    again = list(import_dataset(dataset, tmp_path / "out"))
    assert {o.status for o in first} == {"done"}
    assert {o.status for o in again} == {"already"}
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == before


@every_dataset
def test_a_wrong_folder_is_told_in_one_line(name, tmp_path):
    result = run("datasets", "validate", name, tmp_path)
    assert "\n" not in str(result.exception)
    assert str(tmp_path) in str(result.exception)


@every_dataset
def test_validate_finds_a_fake_incomplete(name, tmp_path):
    result = run("datasets", "validate", name, FAKES[name](tmp_path / name))
    assert result.return_value == 1
    assert ", expected " in result.output
    assert "have no recording here" in result.output


@every_dataset
def test_cite_names_citation_licence_and_place(name):
    info = plugin_host().datasets.get(name).info
    output = run("datasets", "cite", name).output
    assert info.citation in output and info.licence in output and info.homepage in output

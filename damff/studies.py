"""The paper's tables 1, 2 and 3 and figure 3, with the figures it published.

Budget ``paper``: the paper's protocol (section 4.3). Budget ``small``: for ten-second clips and a
desk computer; one protocol for every system, with DAMFF's losses throughout, so that what differs
is the network. The paper does not say which losses its rerun of the other networks used.
"""

from __future__ import annotations

from typing import Any

from mer_plugins.studies import Budget, Study, StudyRow

_PAPER = "L. Zhang et al., ISMIR 2023"
_MER1101, _DEAM2015 = "MER1101", "DEAM2015"
_DAMFF_RECIPES = {"small": "deam-clips", "paper": "paper"}
_OTHERS_RECIPES = {"small": "deam-clips-damff-losses", "paper": "paper-damff-losses"}
_BUDGETS = {
    "small": Budget(
        "ten passes of 5 s excerpts; about an hour a fold for all three tables on two cores",
        {"excerpt_s": 5.0, "epochs": 10, "learning_rate": 1e-3, "schedule": "cosine"},
    ),
    "paper": Budget("section 4.3: 30 s, batch 32, Adam 3e-4, up to 100 passes, early stopping"),
}
_HOP_BUDGETS = {
    "small": Budget(
        "forty passes of 30 s excerpts; 30 s windows",
        {
            "window_s": 30.0,
            "excerpt_s": 30.0,
            "epochs": 40,
            "learning_rate": 1e-3,
            "schedule": "cosine",
            "batch_size": 16,
        },
    ),
    "paper": _BUDGETS["paper"],
}


def _damff(label: str, published: tuple[float, ...], **settings: Any) -> StudyRow:
    return StudyRow(label, "damff", _DAMFF_RECIPES, settings, {_MER1101: published})


def _other(
    label: str, plugin: str, mer1101: tuple[float, ...], deam: tuple[float, ...]
) -> StudyRow:
    return StudyRow(label, plugin, _OTHERS_RECIPES, {}, {_MER1101: mer1101, _DEAM2015: deam})


_FULL = (0.4223, 0.6856, 0.1494, 0.1115, 0.2004, 0.2595)

TABLE1 = Study(
    "table1",
    "Different CNN architectures",
    f"{_PAPER}, table 1",
    (
        _damff("Hybrid CNN", _FULL),
        _damff("T-F CNN", (0.4120, 0.6787, 0.1478, 0.0846, 0.1363, 0.2684), cnn="t-f"),
        _damff("Square CNN", (0.4130, 0.6894, 0.1439, 0.0732, 0.1343, 0.2703), cnn="square"),
        _damff("T-S CNN", (0.4090, 0.6881, 0.1458, 0.1085, 0.1959, 0.2542), cnn="t-s"),
        _damff("F-S CNN", (0.4150, 0.6804, 0.1562, 0.1046, 0.1640, 0.2800), cnn="f-s"),
    ),
    _BUDGETS,
    {_MER1101: (1, 2)},
)

TABLE2 = Study(
    "table2",
    "DAMFF and the existing models",
    f"{_PAPER}, table 2",
    (
        StudyRow(
            "DAMFF",
            "damff",
            _DAMFF_RECIPES,
            {},
            {_MER1101: _FULL, _DEAM2015: (0.4203, 0.6866, 0.2401, 0.0151, 0.0366, 0.3403)},
        ),
        _other(
            "CRNN [16]",
            "crnn",
            (0.2798, 0.5177, 0.1625, 0.0573, 0.1033, 0.2721),
            (0.3488, 0.5885, 0.2197, 0.0053, -0.0292, 0.3542),
        ),
        _other(
            "BCRSN [9]",
            "bcrsn",
            (0.1741, 0.3770, 0.3063, 0.0660, -0.0647, 0.4143),
            (0.3168, 0.5148, 0.2397, 0.0125, -0.0171, 0.2914),
        ),
        _other(
            "DNN [17]",
            "dnn",
            (0.0529, 0.0903, 0.2372, 0.0118, 0.0017, 0.2734),
            (0.2757, 0.4282, 0.2483, 0.0075, 0.0031, 0.3353),
        ),
        _other(
            "MCRNN [18]",
            "mcrnn",
            (0.0564, 0.0918, 0.2401, 0.0155, 0.0028, 0.2752),
            (0.2700, 0.4396, 0.2428, 0.0137, 0.0126, 0.3135),
        ),
    ),
    _BUDGETS,
)

TABLE3 = Study(
    "table3",
    "Ablations",
    f"{_PAPER}, table 3",
    (
        _damff("DAMFF", _FULL),
        _damff(
            "w/o Fusion Strategy",
            (0.4097, 0.6869, 0.1563, 0.1074, 0.1722, 0.2707),
            fusion="attention-map",
        ),
        _damff(
            "w/o Channel Attention",
            (0.4061, 0.6740, 0.1494, 0.1071, 0.1904, 0.2650),
            fusion="spatial",
        ),
        _damff(
            "w/o Spatial Attention",
            (0.4177, 0.6819, 0.1518, 0.1009, 0.1874, 0.2720),
            fusion="channel",
        ),
        _damff("w/o DAFF", (0.3982, 0.6813, 0.1562, 0.0977, 0.1693, 0.2670), fusion="sum"),
    ),
    _BUDGETS,
    {_MER1101: (1, 2)},
)

FIGURE3 = Study(
    "figure3",
    "Hop sizes of the sliding window",
    f"{_PAPER}, figure 3, whose values are drawn and not printed",
    (StudyRow("DAMFF", "damff", _DAMFF_RECIPES),),
    _HOP_BUDGETS,
    hops_s=(0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0),
)

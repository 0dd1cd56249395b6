r"""How far two matched series agree: the metrics of :mod:`mer_plugins.emotion`, one by one.

Every function takes two series of one length, shape=(n,), the reference first, and returns a plain
float. Statistics are float64 with ``ddof=0``, as Lin's own 1/n moments. A series is constant if its
range is at most 1e-12. Series that differ in length, have more than one axis or hold NaN or
infinity are a ValueError.

References
----------
.. [1] L. I-K. Lin, "A concordance correlation coefficient to evaluate reproducibility",
   Biometrics 45(1), 1989.
.. [2] K. Kobayashi and M. U. Salam, "Comparing simulated and measured values using mean squared
   deviation and its components", Agronomy Journal 92(2), 2000.
.. [3] J. A. Hanley and B. J. McNeil, "The meaning and use of the area under a receiver operating
   characteristic (ROC) curve", Radiology 143(1), 1982.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mer_plugins.curves import FloatArray

_CONSTANT = 1e-12
_NAN = float("nan")


def ccc(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> float:
    r"""Concordance correlation coefficient [1]_.

    .. math:: \rho_c = \frac{2 s_{re}}{s_r^2 + s_e^2 + (\bar r - \bar e)^2}

    Returns
    -------
    float
        In [-1, 1]; 1 for identity, also of two constants, by definition; 0 if one series is
        constant or both are at different levels; nan if n < 2.

    Examples
    --------
    >>> round(ccc([0, 1, 2], [0, 1, 1]), 6)
    0.666667
    """
    r, e = _series(reference, estimate)
    if len(r) < 2:
        return _NAN
    if is_constant(r) or is_constant(e):
        return _equality(r, e)
    spread = r.var() + e.var() + (r.mean() - e.mean()) ** 2
    return float(np.clip(2 * _covariance(r, e) / spread, -1, 1))


def ccc_centred(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> float:
    r"""CCC once each series has lost its own mean: :math:`2 s_{re} / (s_r^2 + s_e^2)`.

    It is what :func:`ccc` would be at the right level. Degenerate cases as there; two constants
    are equal once centred.

    Examples
    --------
    >>> ccc_centred([0, 1, 2], [5, 6, 7])
    1.0
    """
    r, e = _series(reference, estimate)
    return ccc(r - r.mean(), e - e.mean()) if len(r) else _NAN


def pcc(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> float:
    """Pearson's correlation coefficient.

    Returns
    -------
    float
        In [-1, 1]; nan, as it is undefined, if either series is constant or n < 2.

    Examples
    --------
    >>> round(pcc([0, 1, 2], [0, 1, 1]), 6)
    0.866025
    """
    r, e = _series(reference, estimate)
    if len(r) < 2 or is_constant(r) or is_constant(e):
        return _NAN
    return float(np.clip(_covariance(r, e) / (r.std() * e.std()), -1, 1))


def rmse(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> float:
    """Root of the mean squared error; nan if n = 0.

    Examples
    --------
    >>> rmse([0, 0, 0, 0], [0, 0, 0, 1])
    0.5
    """
    r, e = _series(reference, estimate)
    return float(np.sqrt(np.mean((e - r) ** 2))) if len(r) else _NAN


def mae(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> float:
    """Mean absolute error; nan if n = 0.

    Examples
    --------
    >>> mae([0, 0, 0, 0], [0, 0, 0, 1])
    0.25
    """
    r, e = _series(reference, estimate)
    return float(np.mean(np.abs(e - r))) if len(r) else _NAN


def r2(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> float:
    """Share of the reference's variance that the estimate explains.

    Returns
    -------
    float
        At most 1, with no lower bound. If the reference is constant: 1 if the estimate equals it,
        else 0, as scikit-learn's ``r2_score``. nan if n < 2.

    Examples
    --------
    >>> r2([0, 1, 2], [0, 1, 1])
    0.5
    """
    r, e = _series(reference, estimate)
    if len(r) < 2:
        return _NAN
    return _equality(r, e) if is_constant(r) else float(1 - np.mean((e - r) ** 2) / r.var())


def bias(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> float:
    """Level: mean of the estimate less mean of the reference, in their unit; nan if n = 0.

    Examples
    --------
    >>> bias([0, 1], [1, 2])
    1.0
    """
    r, e = _series(reference, estimate)
    return float(np.mean(e - r)) if len(r) else _NAN


def scale(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> float:
    """Spread: standard deviation of the estimate as a multiple of the reference's.

    Below 1 the estimate moves too little, above 1 too much. nan if the reference is constant or
    n < 2.

    Examples
    --------
    >>> scale([0, 1], [0, 3])
    3.0
    """
    r, e = _series(reference, estimate)
    return _NAN if len(r) < 2 or is_constant(r) else float(e.std() / r.std())


def area_under_curve(positive: npt.ArrayLike, estimate: npt.ArrayLike) -> float:
    """Area under the ROC curve: how often a positive ranks above a negative, ties being half [3]_.

    Parameters
    ----------
    positive : array_like of bool, shape=(n,)
        The reference.
    estimate : array_like, shape=(n,)
        Any numbers, finite.

    Returns
    -------
    float
        In [0, 1], 0.5 for a constant estimate; nan if all of the reference are of one kind.

    Examples
    --------
    >>> area_under_curve([True, True, False], [0.9, 0.4, 0.4])
    0.75
    """
    is_positive = np.asarray(positive, dtype=bool)
    _, e = _series(is_positive, estimate)
    above, negatives = e[is_positive], np.sort(e[~is_positive])
    if not (len(above) and len(negatives)):
        return _NAN
    ranks = sum(np.searchsorted(negatives, above, side) for side in ("left", "right"))
    return float(np.mean(ranks) / 2 / len(negatives))


def error_parts(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> tuple[float, float, float]:
    r"""Mean squared error as the sum of level, spread and shape [2]_.

    .. math:: (\bar e - \bar r)^2, \quad (s_e - s_r)^2, \quad 2 s_e s_r (1 - \rho)

    Returns
    -------
    level, spread, shape : float
        Not negative; their sum is the square of :func:`rmse`. nan if n = 0.

    Examples
    --------
    >>> error_parts([0, 2], [1, 5])
    (4.0, 1.0, 0.0)
    """
    r, e = _series(reference, estimate)
    if not len(r):
        return _NAN, _NAN, _NAN
    shape = max(2 * (e.std() * r.std() - _covariance(r, e)), 0.0)
    return float((e.mean() - r.mean()) ** 2), float((e.std() - r.std()) ** 2), float(shape)


def is_constant(series: FloatArray) -> bool:
    """Tell whether a series ranges over no more than 1e-12; one without values does not."""
    return len(series) > 0 and bool(np.ptp(series) <= _CONSTANT)


def _series(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    r, e = np.asarray(reference, dtype=np.float64), np.asarray(estimate, dtype=np.float64)
    if r.ndim != 1 or r.shape != e.shape:
        raise ValueError(
            f"reference has shape {r.shape}, estimate {e.shape}: expected (n,) for both"
        )
    if not (np.isfinite(r).all() and np.isfinite(e).all()):
        raise ValueError("the series hold NaN or infinity: leave out what has no label")
    return r, e


def _covariance(r: FloatArray, e: FloatArray) -> float:
    return float(np.mean((r - r.mean()) * (e - e.mean())))


def _equality(r: FloatArray, e: FloatArray) -> float:
    return float(np.abs(r - e).max() <= _CONSTANT)

"""Values on a teacher's embeddings: ridge regression, of one corpus or of several that differ.

Letters: s row (a song), k feature, c corpus, d dimension.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_ALPHAS = np.logspace(0, 5, 21)


def ridge(embeddings: Array, labels: Array) -> Array:
    """Fit values on normalised embeddings; the penalty is chosen by leaving each row out.

    Parameters
    ----------
    embeddings, labels : np.ndarray, shape=(s, k), (s, d)
        One row gives its labels as the constants.

    Returns
    -------
    np.ndarray, shape=(k + 1, d)
        Coefficients, and in the last row the constants.
    """
    from sklearn.linear_model import RidgeCV

    if len(embeddings) == 1:
        return np.vstack([np.zeros((embeddings.shape[1], labels.shape[1])), labels])
    fitted = RidgeCV(_ALPHAS).fit(embeddings, labels)
    # Of one column, scikit-learn gives a vector.
    coefficients = fitted.coef_.reshape(labels.shape[1], -1)
    return np.vstack([coefficients.T, fitted.intercept_])


def ridge_by_corpus(
    embeddings: Array, labels: Array, corpora: npt.NDArray[np.int_], count: int
) -> Array:
    """Fit a regression for each corpus: one that all share, plus one of its own.

    Both parts bear the same penalty, so corpora that agree share their songs, and one that reads
    music differently goes its own way (Evgeniou and Pontil, KDD 2004; Daumé, ACL 2007). Each
    corpus's level is its own and bears none.

    Parameters
    ----------
    embeddings, labels : np.ndarray, shape=(s, k), (s, d)
    corpora : np.ndarray, shape=(s,)
        Number of each row's corpus.
    count : int
        How many there are; one without a row has the shared part, at the level of all rows.

    Returns
    -------
    np.ndarray, shape=(c, k + 1, d)
        As :func:`ridge` gives them.
    """
    centre = np.tile(embeddings.mean(axis=0), (count, 1))
    level = np.tile(labels.mean(axis=0), (count, 1))
    for c in np.unique(corpora):
        centre[c] = embeddings[corpora == c].mean(axis=0)
        level[c] = labels[corpora == c].mean(axis=0)
    x = embeddings - centre[corpora]
    own = [x * (corpora == c)[:, None] for c in range(count)]
    fitted = ridge(np.hstack([x, *own]), labels - level[corpora])
    shared, *differences = np.split(fitted[:-1], count + 1)
    slopes = shared + np.stack(differences)
    constants = fitted[-1] + level - np.einsum("ck,ckd->cd", centre, slopes)
    return np.concatenate([slopes, constants[:, None]], axis=1)

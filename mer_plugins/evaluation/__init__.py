"""Compare systems with what people said: ``mer evaluate``, step by step.

The data's way: :mod:`~mer_plugins.evaluation.reference` (songs with human labels) and
:mod:`~mer_plugins.evaluation.systems` (curves of plugins or of JAMS) ->
:mod:`~mer_plugins.evaluation.comparison` (scores, intervals, tests, warnings) ->
:mod:`~mer_plugins.evaluation.tables` and :mod:`~mer_plugins.evaluation.figures`.
"""

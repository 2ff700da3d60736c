"""The eye-state classifier: gradient-boosted trees over the feature rows of `focus.analysis.features`.

`model` is what runs, `artifact` is how a release is kept in files, `dataset` and `training` make one, `evaluation`
measures one. XGBoost is imported here alone.
"""

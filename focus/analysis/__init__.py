"""Signal code on NumPy: from frames to states, events and metrics.

Knows no Flask, no SQL and no clock, and reads no file, environment or random state. The pipeline that joins the parts
is `focus.analysis.pipeline`; everything that comes one file each (features, detectors, metrics) is found by its
registry.
"""

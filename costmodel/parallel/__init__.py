"""Spreading a program over devices: pipeline, data parallelism, and the rule that picks a layout."""

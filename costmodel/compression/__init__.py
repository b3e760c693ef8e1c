"""Compression as program → program: what a step changes, costs to make, saves, and does to quality."""

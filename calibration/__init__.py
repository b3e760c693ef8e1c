"""Measuring machines, and fitting what was measured."""

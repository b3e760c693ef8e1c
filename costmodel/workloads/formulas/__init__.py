"""Formulas of workloads, by subject."""

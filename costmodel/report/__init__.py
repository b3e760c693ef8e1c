"""Renders an estimate: text, data, the working."""

"""Published runs against predictions: a table of measurements in, errors and their distribution out.

A row becomes a scenario as a user would write it and takes the ordinary way; what it leaves open is filled in by a
stated rule that widens the range. Nothing is fitted to these rows, and no row or source is a special case.
"""

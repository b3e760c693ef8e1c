"""What compression, model size and batch size do to quality: published evidence, few constants, honest spreads.

A quality number never comes without its evidence; where there is none, `evidence.NoEvidence` says so.
"""

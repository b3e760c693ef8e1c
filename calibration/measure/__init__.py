"""Times what the efficiency laws need on this machine and writes records as JSON lines.

Needs Python and NumPy; uses torch and threadpoolctl where installed. Nothing here imports the rest of the
product, so this folder alone can be carried to a bare node and run there: `python -m measure > records.jsonl`.
One phenomenon a file, each with `points(device, effort)`, what is to be timed, and `prepare(point)`, the call
that is timed. The format of a record is described in docs/records.md.
"""

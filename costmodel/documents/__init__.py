"""The five documents that this product answers: their formulas literal and corrected, their examples, their levers.

Documents 0 to 4 are essays on the cost of training and serving large models. What they write is kept as it
stands, beside what is computed instead, so that a reader can see where the two differ and why.
"""

from costmodel.documents.entries import DOCUMENTS, ENTRIES, Entry
from costmodel.documents.levers import LEVERS, Lever
from costmodel.documents.listing import report
from costmodel.documents.worked import Example, Statement, examples

__all__ = ["DOCUMENTS", "ENTRIES", "LEVERS", "Entry", "Example", "Lever", "Statement", "examples", "report"]

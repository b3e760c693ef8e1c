"""The catalog: devices, servers, models, prices, grids and the rest, as CSV tables with sources.

One module per kind of thing looks it up by id or alias and answers in SI units; nothing is loaded before it is asked
for. Blank cells mean that no source states the figure. Tables lie in `data/`; `rows` gives one as it is.
"""

from costmodel.catalog.table import CatalogError, rows

__all__ = ["CatalogError", "rows"]

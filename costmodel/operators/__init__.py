"""One file a kind of operator: its exact counts, and the law that says how long it takes."""

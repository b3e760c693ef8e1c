"""One file a family: from shape parameters to a program of operators, with exact counts."""

"""The command line: a command is a file; commands compute nothing."""

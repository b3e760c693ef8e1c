"""The web app: a page is a file; pages compute nothing."""

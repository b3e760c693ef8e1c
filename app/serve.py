"""Streamlit, told before the first visitor comes that main.py alone says which pages there are.

Left to itself it takes a folder called pages/ for a menu of its own until main.py has run once: a link to another page
than the first would then open without the app's own menu and layout.
"""

from streamlit.runtime.pages_manager import PagesManager
from streamlit.web.cli import main

if __name__ == "__main__":
    PagesManager.uses_pages_directory = False
    main()

"""What happens in a step of each kind of work, and how many steps there are."""

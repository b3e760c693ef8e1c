"""The costs beside time and memory: money, energy, carbon, storage and staff."""

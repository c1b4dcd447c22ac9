"""What every part costs and achieves, measured beside its peer in the same run.

`core/` holds the engine's own costs (`make bench-overhead`); `report.py` writes what the documentation quotes.
"""

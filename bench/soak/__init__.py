"""Mixed groups with random aborts for half an hour: nothing may leak, memory stays flat.

traffic.py   random requests of every kind
leftovers.py what an idle engine still holds
"""

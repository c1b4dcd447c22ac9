"""Beside vLLM's own structured outputs: throughput, validity, and how far each is from the exact posterior.

sides.py  an engine in a process of its own: tamis, or vLLM with one of its backends
cities.py a grammar of few texts, and what model and masking make of it, by enumeration
"""

"""How the cost of a token scales: with divergence, vocabulary, particles and length.

rows.py    checks against divergence and vocabulary, on rows alone
steps.py   the engine's steps, and what of them is not vLLM's
"""

"""Beside genlm-control, the AWRS authors' own library: speed and posterior of the same tasks, run in turn.

tasks.py     what both are asked, as plain data
far_side.py  runs in genlm-control's environment, told what to do line by line
posterior.py masses of strings as both estimate them
"""

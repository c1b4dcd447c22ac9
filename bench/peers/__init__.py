"""Grammar engines side by side: llguidance, XGrammar, outlines-core and tamis behind one protocol.

In: schemas with instances (`..maskbench`), a vocabulary (`tokens`), an engine's name (`engines`).  Out: tables under
docs/results/.  `protocol` says what an engine is, the `*_engine` files are the adapters; `coverage` and `speed` are the
commands.  Every engine runs in the same worker process (`worker`), which is killed and started again where one crashes
or runs over its time.
"""

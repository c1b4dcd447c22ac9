"""`python -m tamis.engine.cli`."""

from . import main

main()

"""Lets vLLM's CPU build take Triton's interpreter (TRITON_INTERPRET=1) for the CPU backend that it asks for.

Python imports this module by its name at the start of every process that has this folder on PYTHONPATH.
"""

import types

from triton.backends import backends

backends["cpu"] = types.SimpleNamespace(driver=types.SimpleNamespace(is_active=lambda: True), compiler=None)

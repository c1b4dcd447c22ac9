"""Settings that must stand before torch or vLLM is imported by any test, and how hypothesis chooses its examples."""

import os

from hypothesis import settings

# Threads that spin while another process wants the cores slow vLLM down 20-fold.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")

# The same examples in every run; HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
